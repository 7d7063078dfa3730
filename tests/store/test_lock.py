"""One process for each run, with locks of the system and without, and nothing left of those of the dead."""

import errno
import fcntl
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from rnnbench.store.lock import LEASE_SUFFIX, locked, remove_stale_locks

SPAWN = multiprocessing.get_context("spawn")


def refuse(*_: Any) -> None:
    """What flock does on a file system without it."""
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".run.lock"


@pytest.mark.parametrize("suffix", ["", LEASE_SUFFIX], ids=["flock", "no flock"])
def test_one_process_has_it_and_the_file_is_gone_afterwards(
    path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if suffix:
        monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(path) as mine, locked(path) as other:
        assert (mine, other) == (True, False)
        assert [each.name for each in path.parent.iterdir()] == [f".run.lock{suffix}"]
    assert list(path.parent.iterdir()) == []


def _kill_while_holding(path: Path, has_flock: bool) -> None:
    if not has_flock:
        fcntl.flock = refuse
    with locked(path) as mine:
        os._exit(0 if mine else 1)


def killed_while_holding(path: Path, has_flock: bool) -> None:
    """Leave what a process that was killed leaves of its lock."""
    killed = SPAWN.Process(target=_kill_while_holding, args=(path, has_flock))
    killed.start()
    killed.join()
    assert killed.exitcode == 0


def test_the_lease_of_a_dead_process_of_this_host_is_taken_over_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse)
    killed_while_holding(path, has_flock=False)
    assert len(list(path.parent.iterdir())) == 1
    with locked(path) as mine:
        assert mine
    assert list(path.parent.iterdir()) == []


def test_stale_locks_are_removed_and_held_ones_stay(tmp_path: Path) -> None:
    killed_while_holding(tmp_path / ".killed.lock", has_flock=True)
    old, fresh = (tmp_path / f".{name}.lock{LEASE_SUFFIX}" for name in ("old", "fresh"))
    for lease, age_s in ((old, 2 * 24 * 3600), (fresh, 60)):
        lease.write_bytes(b"of another host")
        os.utime(lease, (time.time() - age_s,) * 2)
    with locked(tmp_path / ".held.lock") as mine:
        assert mine
        remove_stale_locks(tmp_path)
        assert set(tmp_path.iterdir()) == {fresh, tmp_path / ".held.lock"}
