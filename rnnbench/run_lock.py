"""One process for each run: a lock beside the run's folder, which ends with its process.

It is a lock of the system (flock) where the file system has those. Elsewhere it is a file that names its owner's host,
process and start, and whose time is renewed by a thread of the owner: one of a process that is dead on this host is
taken over at once, and one of another host when nothing has renewed it for LEASE_S seconds while this process watched.
An owner that was suspended for longer than that may so find itself doubled; both come to the same numbers, and each
file is written whole.
"""

import errno
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLease, Timeout

from rnnbench.interruption import received
from rnnbench.storage import STALE_AFTER_S

NO_FLOCK = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})
"""Errors of flock on file systems that do not have it, or whose lock server does not answer."""

LEASE_S = 60.0
"""Seconds without renewal after which the owner on another host counts as dead; it renews three times as often."""

PATIENCE_S = 0.2
"""Seconds to try for: a lock that is just released, or that was of a dead process, needs a second look."""

LEASE_SUFFIX = ".lease"


@contextmanager
def locked(path: Path, patience_s: float = PATIENCE_S) -> Iterator[bool]:
    """A block that holds the lock; yields False when another process holds it. The file is gone afterwards.

    A link in its place, which locks nothing, is removed; what it points to is not touched.
    """
    if path.is_symlink():
        path.unlink(missing_ok=True)
    try:
        lock: BaseFileLock | None = _acquired(FileLock(path, fallback_to_soft=False), patience_s)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        path.unlink(missing_ok=True)  # which locks nothing here
        lock = _leased(path.with_name(path.name + LEASE_SUFFIX))
    if lock is None:
        yield False
        return
    try:
        yield True
    finally:
        if not isinstance(lock, SoftFileLease):  # which removes its own file
            path.unlink(missing_ok=True)  # while it is held: who has opened it finds it without a name, and tries again
        lock.release()


def remove_stale_locks(folder: Path) -> None:
    """Remove the locks in a folder that no process holds."""
    for path in folder.glob(".*.lock"):
        with suppress(OSError), locked(path, 0.0):  # which removes what it could lock
            pass
    for path in folder.glob(f".*.lock{LEASE_SUFFIX}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_AFTER_S:
                path.unlink(missing_ok=True)
            elif lock := _acquired(SoftFileLease(path, lease_duration=LEASE_S), 0.0):
                lock.release()
    for path in folder.glob(f".*.lock{LEASE_SUFFIX}.*"):  # of a process that was killed while it took one over
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_AFTER_S:
                path.unlink(missing_ok=True)


def _acquired(lock: BaseFileLock, seconds: float) -> BaseFileLock | None:
    """The lock, acquired; None when another process holds it all that time, or a signal came."""
    try:
        lock.acquire(timeout=seconds, cancel_check=lambda: received() is not None)
    except Timeout:
        return None
    return lock


def _leased(path: Path) -> BaseFileLock | None:
    """The lock of a file system without flock; where it has not been renewed for long, after watching it."""
    lock = _acquired(SoftFileLease(path, lease_duration=LEASE_S), PATIENCE_S)
    if lock is not None or not _seems_abandoned(path):
        return lock
    print(
        f"rnnbench: {path} has not been renewed for over {LEASE_S:.0f} s; watching it as long before taking it over",
        file=sys.stderr,
    )
    return _acquired(SoftFileLease(path, lease_duration=LEASE_S), 1.5 * LEASE_S)


def _seems_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > LEASE_S
    except OSError:  # released since
        return False
