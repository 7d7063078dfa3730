"""What becomes of a sweep on a Dask cluster of which a worker or the scheduler is killed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.launching import Launch, Tally, killed_with_children, wait_until

pytest.importorskip("distributed")
pytestmark = pytest.mark.faults
DASK = ("hydra/launcher=dask", "train.steps=2000", "seed=0,1,2,3")


@dataclass
class Cluster:
    """A scheduler, and two workers each of which a nanny starts again."""

    address: str
    scheduler: "subprocess.Popen[bytes]"
    workers: "list[subprocess.Popen[bytes]]"


@pytest.fixture
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers in processes of their own."""
    folder = tmp_path_factory.mktemp("dask")
    found = folder / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--scheduler-file", str(found), *arguments]
        with (folder / f"{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen([*command, "--no-dashboard"], stdout=log, stderr=log))
        return started[-1]

    try:
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(found.exists)
        workers = [start("worker", "--nthreads", "1", "--local-directory", str(folder / str(n))) for n in range(2)]
        yield Cluster(json.loads(found.read_text())["address"], scheduler, workers)
    finally:
        for process in reversed(started):
            killed_with_children(process)


def launched(dask: Cluster, folder: Path) -> Launch:
    """A sweep of four runs, two of which train."""
    launch = Launch(folder, *DASK, f"hydra.launcher.address={dask.address}", "hydra.launcher.wait_s=10")
    wait_until(lambda: len(launch.training()) == 2)
    return launch


def test_a_killed_worker_only_delays(dask: Cluster, tmp_path: Path) -> None:
    launch = launched(dask, tmp_path)
    killed_with_children(dask.workers[0])
    code, output, _ = launch.end()
    assert (code, output, launch.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, failed=0, doubled=0))


def test_a_killed_scheduler_ends_the_launch_and_the_same_command_does_the_rest(dask: Cluster, tmp_path: Path) -> None:
    launch = launched(dask, tmp_path)
    killed_with_children(dask.scheduler)
    code, output, errors = launch.end()
    counts = {kind: int(number) for number, kind in re.findall(r"(\d) (done|lost|not run)", output)}
    assert code == 1
    assert sum(counts.values()) == 4  # a worker may still come to the end of its run, and that counts as done
    assert counts["not run"] >= 1
    assert f"rnnbench: the Dask scheduler at {dask.address} is gone; not submitted: {counts['not run']}\n" in errors
    for worker in dask.workers:
        killed_with_children(worker)
    again = Launch(tmp_path, *DASK, "hydra.launcher.n_workers=2")
    assert again.end()[0] == 0
    assert again.tally() == Tally(planned=4, done=4, failed=0, doubled=0)


def test_a_launching_process_started_again_doubles_nothing(dask: Cluster, tmp_path: Path) -> None:
    first = launched(dask, tmp_path)
    first.process.kill()
    first.process.wait()
    again = Launch(tmp_path, *DASK, f"hydra.launcher.address={dask.address}")
    code, output, _ = again.end()
    assert (code, again.tally()) == (0, Tally(planned=4, done=4, failed=0, doubled=0)), output


def test_a_wrong_address_is_one_line(tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:1"
    code, output, errors = Launch(tmp_path, *DASK, f"hydra.launcher.address={address}", "hydra.launcher.wait_s=3").end()
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith(f"rnnbench: hydra.launcher.address={address}: no Dask scheduler with a worker answers")
