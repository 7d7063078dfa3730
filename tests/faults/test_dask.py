"""What becomes of a sweep on a Dask cluster of which a worker or the scheduler is killed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.launching import Launch, Tally, killed_with_children, wait_until

pytest.importorskip("distributed")
pytestmark = pytest.mark.faults
DASK = ("hydra/launcher=dask", "train.steps=2000", "seed=0,1,2,3")
Processes = list["subprocess.Popen[bytes]"]


@pytest.fixture
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Processes]]:
    """The address of a scheduler, and its process and those of two workers."""
    folder = tmp_path_factory.mktemp("dask")
    found, started = folder / "scheduler.json", Processes()

    def start(program: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--scheduler-file", str(found), *arguments]
        with (folder / f"{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen([*command, "--no-dashboard"], stdout=log, stderr=log))

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(found.exists)
        for number in range(2):
            start("worker", "--nthreads", "1", "--local-directory", str(folder / str(number)))
        yield json.loads(found.read_text())["address"], started
    finally:
        for process in reversed(started):
            killed_with_children(process)


def launched(address: str, folder: Path) -> Launch:
    """A sweep of four runs, two of which train."""
    launch = Launch(folder, *DASK, f"hydra.launcher.address={address}")
    wait_until(lambda: len(launch.training()) == 2)
    return launch


def test_a_killed_worker_only_delays(dask: tuple[str, Processes], tmp_path: Path) -> None:
    launch = launched(dask[0], tmp_path)
    killed_with_children(dask[1][1])
    code, output, _ = launch.end()
    assert (code, output, launch.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, doubled=0))


def test_after_a_killed_scheduler_another_cluster_does_the_rest(dask: tuple[str, Processes], tmp_path: Path) -> None:
    launch = launched(dask[0], tmp_path)
    killed_with_children(dask[1][0])
    code, output, errors = launch.end()
    assert (code, "lost" in output) == (1, True), errors
    for worker in dask[1]:
        killed_with_children(worker)
    again = Launch(tmp_path, *DASK, "hydra.launcher.n_workers=2")
    assert (again.end()[0], again.tally()) == (0, Tally(planned=4, done=4, doubled=0))


def test_a_launching_process_started_again_doubles_nothing(dask: tuple[str, Processes], tmp_path: Path) -> None:
    first = launched(dask[0], tmp_path)
    first.process.kill()
    first.process.wait()
    again = Launch(tmp_path, *DASK, f"hydra.launcher.address={dask[0]}")
    again.end()
    last = Launch(tmp_path, *DASK, f"hydra.launcher.address={dask[0]}")  # the runs that were busy for the second
    assert (last.end()[0], last.tally()) == (0, Tally(planned=4, done=4, doubled=0))
