"""Sweeps on this machine whose workers, or whose launching process, are killed or stopped."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.launching import Launch, Tally, wait_until

pytestmark = pytest.mark.faults
PARALLEL = ("hydra/launcher=parallel", "hydra.launcher.n_jobs=2", "train.steps=4000", "seed=0,1,2")


def launched(folder: Path) -> tuple[Launch, list[psutil.Process]]:
    """A sweep two of whose three runs train, and its workers."""
    folder.mkdir(exist_ok=True)
    launch = Launch(folder, *PARALLEL)
    wait_until(lambda: len(launch.training()) == 2)
    return launch, launch.workers()


def histories(folder: Path) -> dict[str, bytes]:
    """What was recorded of each run."""
    return {path.parent.name: path.read_bytes() for path in folder.glob("results/*/runs/*/history.csv")}


def counts(output: str) -> set[str]:
    """What became of the three runs; which of them a worker had is left to chance, and so is their order."""
    return set(output.strip().removeprefix("3 runs: ").split(", "))


def completed(folder: Path, tmp_path: Path) -> None:
    """Launch the sweep again, and compare it with one that nothing has disturbed."""
    again = Launch(folder, *PARALLEL)
    assert again.end()[0] == 0
    assert again.tally() == Tally(planned=3, done=3, doubled=0)
    (tmp_path / "undisturbed").mkdir()
    assert Launch(tmp_path / "undisturbed", *PARALLEL).end()[0] == 0
    assert histories(folder) == histories(tmp_path / "undisturbed")


def test_a_killed_worker_is_one_lost_job(tmp_path: Path) -> None:
    launch, workers = launched(tmp_path / "killed")
    workers[0].kill()
    code, output, errors = launch.end()
    assert (code, counts(output)) == (1, {"1 lost", "2 done"})
    assert "lost (its process was killed: SIGKILL(-9))" in errors
    assert "Warning" not in errors
    completed(tmp_path / "killed", tmp_path)


def test_a_worker_that_is_asked_to_stop_is_one_stopped_job(tmp_path: Path) -> None:
    launch, workers = launched(tmp_path)
    workers[0].terminate()
    code, output, errors = launch.end()
    assert (code, counts(output)) == (1, {"1 stopped", "2 done"})
    assert "stopped by SIGTERM at step" in errors


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGKILL, 30), (signal.SIGINT, 15), (signal.SIGTERM, 15)])
def test_workers_end_with_the_launching_process(tmp_path: Path, number: signal.Signals, seconds: float) -> None:
    launch, workers = launched(tmp_path / "ended")
    launch.process.send_signal(number)
    started = time.monotonic()
    code, output, _ = launch.end()
    assert len(workers) == 2
    assert psutil.wait_procs(workers, timeout=seconds)[1] == []
    assert time.monotonic() - started < seconds
    assert len(list(launch.folder.glob("results/*/runs/*/checkpoint.pt"))) == 2
    if number == signal.SIGKILL:
        completed(tmp_path / "ended", tmp_path)
    else:
        assert (code, output) == (128 + number, "3 runs: 2 stopped, 1 not run\n")
