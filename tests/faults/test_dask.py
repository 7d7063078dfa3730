"""What becomes of a sweep on a Dask cluster of which a worker is killed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.launching import Launch, killed_with_children, wait_until

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


def test_a_killed_worker_only_delays(dask: Cluster, tmp_path: Path) -> None:
    launch = Launch(tmp_path, *DASK, f"hydra.launcher.address={dask.address}")
    wait_until(lambda: len(launch.training()) == 2)
    killed_with_children(dask.workers[0])
    code, output, _ = launch.end()
    assert (code, output) == (0, "4 runs: 4 done\n")
