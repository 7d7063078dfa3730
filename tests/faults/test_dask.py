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


@pytest.mark.parametrize("what", ["scheduler", "worker"])
def test_a_killed_worker_delays_and_a_killed_scheduler_ends(
    dask: tuple[str, Processes], tmp_path: Path, what: str
) -> None:
    launch = Launch(tmp_path, *DASK, f"hydra.launcher.address={dask[0]}")
    wait_until(lambda: len(launch.training()) == 2)
    killed_with_children(dask[1][0 if what == "scheduler" else 1])
    code, output, errors = launch.end()
    if what == "worker":
        assert (code, output) == (0, "4 runs: 4 done\n")
    else:
        assert (code, "lost" in output) == (1, True), errors
        for worker in dask[1]:
            killed_with_children(worker)
        assert Launch(tmp_path, *DASK, "hydra.launcher.n_workers=2").end()[0] == 0
    assert launch.tally() == Tally(planned=4, done=4, doubled=0)
