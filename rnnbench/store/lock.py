"""One process for each run: a lock alongside the run's folder, which ends with its process.

It is a lock of the system (flock) where the file system has those, and elsewhere a lease of filelock: a file that names
its owner and that the owner renews. That of a dead process of this host is taken over at once, and that of another host
once nothing has renewed it for a day.
"""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLease, Timeout

NO_FLOCK = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})
"""Errors of flock on file systems that do not have it, or whose lock server does not answer."""

PATIENCE_S = 0.2  # a lock that is just released, or that was of a dead process, needs a second look

LEASE_SUFFIX, STALE_AFTER_S = ".lease", 24 * 3600


@contextmanager
def locked(path: Path, patience_s: float = PATIENCE_S) -> Iterator[bool]:
    """A block that holds the lock; yields False when another process holds it. Raises OSError."""
    lock: BaseFileLock = FileLock(path, fallback_to_soft=False)
    try:
        with suppress(Timeout):
            lock.acquire(timeout=patience_s)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        path.unlink(missing_ok=True)  # which locks nothing here
        lock = SoftFileLease(path.with_name(path.name + LEASE_SUFFIX))
        with suppress(Timeout):
            lock.acquire(timeout=patience_s)
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            if not isinstance(lock, SoftFileLease):  # which removes its own file
                path.unlink(missing_ok=True)  # while it is held: who has opened it finds it nameless, and tries again
            lock.release()


def remove_stale_locks(folder: Path) -> None:
    """Remove the locks in a folder that no process holds, and leases that nothing has renewed for a day."""
    for path in folder.glob(".*.lock"):
        with suppress(OSError), locked(path, 0.0):  # which removes what it could lock
            pass
    for path in folder.glob(f".*.lock{LEASE_SUFFIX}*"):  # the suffixes of a process killed while it took one over too
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_AFTER_S:
                path.unlink(missing_ok=True)
