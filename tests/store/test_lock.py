"""One process for each run, with locks of the system and without, and nothing left of those of the dead."""

import errno
import fcntl
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import SoftFileLease
from filelock._marker import OwnerRecord, encode_marker

from rnnbench.store.lock import LEASE_SUFFIX, locked, remove_stale_locks

LEASE_S = SoftFileLease("any").lease_duration
"""filelock's own."""

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".run.lock"


@pytest.fixture
def no_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without flock."""
    number = getattr(request, "param", errno.ENOLCK)

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def lease_of(path: Path, host: str, process: int, start: int | None, age_s: float) -> Path:
    """The lease of some process, as it was written."""
    lease = path.with_name(path.name + LEASE_SUFFIX)
    owner = OwnerRecord(pid=process, hostname=host, mode="lease", start=start, token="0" * 32, lease_duration=LEASE_S)
    lease.write_bytes(encode_marker(owner))
    os.utime(lease, (time.time() - age_s,) * 2)
    return lease


def own_lease(path: Path) -> OwnerRecord:
    """What a lease of this process says."""
    with SoftFileLease(path.with_name("probe"), lease_duration=LEASE_S) as lease:
        assert lease.owner is not None
        return lease.owner


def test_the_file_is_gone_afterwards(path: Path) -> None:
    with locked(path) as mine:
        assert mine
        assert path.exists()
        with locked(path) as other:
            assert not other
        assert path.exists()
    assert not path.exists()


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize("no_flock", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP], indirect=True)
def test_without_flock_likewise(path: Path) -> None:
    with locked(path) as mine, locked(path) as other:
        assert (mine, other) == (True, False)
        assert [each.name for each in path.parent.iterdir()] == [f".run.lock{LEASE_SUFFIX}"]
    assert list(path.parent.iterdir()) == []


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize("owner", ["dead", "reused"])
def test_the_lease_of_a_dead_process_of_this_host_is_taken_over_at_once(path: Path, owner: str) -> None:
    own = own_lease(path)
    ended = SPAWN.Process()
    ended.start()
    ended.join()
    process, start = (ended.pid or 0, own.start) if owner == "dead" else (own.pid, (own.start or 0) + 1)
    lease_of(path, own.hostname, process, start, age_s=0)
    with locked(path) as mine:
        assert mine
    assert list(path.parent.iterdir()) == []


@pytest.mark.usefixtures("no_flock")
def test_the_lease_of_a_living_process_of_this_host_is_respected(path: Path) -> None:
    own = own_lease(path)
    lease = lease_of(path, own.hostname, own.pid, own.start, age_s=0)
    with locked(path) as mine:
        assert not mine
    assert lease.exists()


@pytest.mark.usefixtures("no_flock")
@pytest.mark.parametrize(("age_s", "left"), [(60, 1), (2 * 24 * 3600, 0)])
def test_the_lease_of_another_host_is_respected_until_nothing_has_renewed_it_for_a_day(
    path: Path, age_s: float, left: int
) -> None:
    lease_of(path, "elsewhere", 1, None, age_s)
    with locked(path) as mine:
        assert not mine
    remove_stale_locks(path.parent)
    assert len(list(path.parent.iterdir())) == left
    with locked(path) as mine:
        assert mine == (left == 0)


def _race(path: Path, barrier: Any, answers: Any) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = refuse
    barrier.wait()
    with locked(path) as mine:
        answers.put(mine)
        barrier.wait()  # nobody lets go before all have tried


def test_of_processes_that_take_over_at_once_one_wins(path: Path) -> None:
    processes = 4
    barrier, answers = SPAWN.Barrier(processes), SPAWN.SimpleQueue()
    own = own_lease(path)
    lease_of(path, own.hostname, own.pid, (own.start or 0) + 1, age_s=0)
    racing = [SPAWN.Process(target=_race, args=(path, barrier, answers)) for _ in range(processes)]
    for process in racing:
        process.start()
    for process in racing:
        process.join()
    assert sorted(answers.get() for _ in racing) == [False, False, False, True]
    assert list(path.parent.iterdir()) == []


def _kill_while_holding(path: Path) -> None:
    with locked(path):
        os._exit(0)


def test_stale_locks_are_removed_and_held_ones_stay(tmp_path: Path) -> None:
    killed = SPAWN.Process(target=_kill_while_holding, args=(tmp_path / ".killed.lock",))
    killed.start()
    killed.join()
    lease_of(tmp_path / ".old.lock", "elsewhere", 1, None, age_s=2 * 24 * 3600)
    fresh = lease_of(tmp_path / ".fresh.lock", "elsewhere", 1, None, age_s=0)
    lease_of(tmp_path / ".half.lock", "elsewhere", 1, None, age_s=2 * 24 * 3600).rename(
        tmp_path / f".half.lock{LEASE_SUFFIX}.break.1.0"
    )
    assert len(list(tmp_path.iterdir())) == 4
    with locked(tmp_path / ".held.lock") as mine:
        assert mine
        remove_stale_locks(tmp_path)
        assert set(tmp_path.iterdir()) == {fresh, tmp_path / ".held.lock"}


def test_other_errors_are_not_taken_for_a_missing_flock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), locked(path):
        pass
