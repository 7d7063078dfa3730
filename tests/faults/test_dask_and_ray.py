"""What becomes of a sweep on a Dask or Ray cluster of which a worker, a node or the scheduler is killed."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.sweeps import Sweep, killed_with_children, wait_until

pytestmark = pytest.mark.faults
Processes = list["subprocess.Popen[bytes]"]


def started(processes: Processes, log: Path, *command: str) -> None:
    with log.open("wb") as output:
        processes.append(subprocess.Popen([sys.executable, *command], stdout=output, stderr=output))


@pytest.fixture
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Processes]]:
    """The address of a scheduler, and its process and those of two workers, which are connected."""
    pytest.importorskip("distributed")
    folder, processes = tmp_path_factory.mktemp("dask"), Processes()
    found, log = folder / "scheduler.json", folder / "scheduler.log"
    common = ("--scheduler-file", str(found), "--no-dashboard")
    try:
        started(processes, log, "-m", "distributed.cli.dask_scheduler", *common, "--host", "127.0.0.1", "--port", "0")
        wait_until(found.exists)
        for number in range(2):
            worker = ("-m", "distributed.cli.dask_worker", *common, "--nthreads", "1")
            started(processes, folder / f"{number}.log", *worker, "--local-directory", f"{folder}/{number}")
        wait_until(lambda: log.read_text().count("Register worker addr") == 2)
        yield json.loads(found.read_text())["address"], processes
    finally:
        for process in reversed(processes):
            killed_with_children(process)


@pytest.mark.parametrize("what", ["scheduler", "worker"])
def test_a_killed_worker_delays_and_a_killed_scheduler_ends(
    undisturbed_long: Sweep, long_sweep: Sweep, dask: tuple[str, Processes], what: str
) -> None:
    launch = long_sweep.spawn("hydra/launcher=dask", f"hydra.launcher.address={dask[0]}")
    long_sweep.wait_for_training(launch, 2)
    killed_with_children(dask[1][0 if what == "scheduler" else 1])
    if what == "worker":
        assert (launch.wait(), launch.output) == (0, "4 runs: 4 done\n")
    else:
        assert (launch.wait(), "lost" in launch.output) == (1, True)
        for worker in dask[1]:
            killed_with_children(worker)
        assert long_sweep.spawn("hydra/launcher=dask", "hydra.launcher.n_workers=2").wait() == 0
    long_sweep.account(undisturbed_long).reported(f"Dask, {what} killed")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Processes]]:
    """The address of a cluster with a token, and its head and another node, of one core each."""
    pytest.importorskip("ray")
    for name, value in {"AUTH_MODE": "token", "AUTH_TOKEN": "0123456789" * 4, "USAGE_STATS_ENABLED": "0"}.items():
        monkeypatch.setenv(f"RAY_{name}", value)
    folder, processes = Path(tempfile.mkdtemp(prefix="ray-")), Processes()  # its sockets need a short path

    def start(*arguments: str) -> str:
        """Start a node; `ray start` ends when one of the node's processes does."""
        log = folder / f"{len(processes)}.log"
        main = ("-c", "from ray.scripts.scripts import main; main()", "start", "--block", "--num-cpus=1")
        started(processes, log, *main, "--object-store-memory=100000000", *arguments)
        wait_until(lambda: "Ray runtime started" in log.read_text() or processes[-1].poll() is not None)
        assert processes[-1].poll() is None, log.read_text()
        return log.read_text()

    try:
        said = start("--head", "--port=0", "--include-dashboard=false", f"--temp-dir={folder}")
        (address,) = re.findall(r"ray start --address='([^']+)'", said)
        start(f"--address={address}")
        yield address, processes
    finally:
        for node in reversed(processes):
            killed_with_children(node)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("what", ["worker", "node"])
def test_a_killed_worker_or_node_only_delays(
    undisturbed_long: Sweep, long_sweep: Sweep, ray: tuple[str, Processes], what: str
) -> None:
    launch = long_sweep.spawn("hydra/launcher=ray", f"hydra.launcher.address={ray[0]}")
    long_sweep.wait_for_training(launch, 2)
    if what == "node":
        killed_with_children(ray[1][1])
    else:
        children = psutil.Process(ray[1][1].pid).children(recursive=True)
        next(child for child in children if re.match("ray::(?!IDLE)", " ".join(child.cmdline()))).kill()
    assert (launch.wait(), launch.output) == (0, "4 runs: 4 done\n")
    long_sweep.account(undisturbed_long).reported(f"Ray, {what} killed")


def test_a_wrong_address_is_one_line(long_sweep: Sweep) -> None:
    pytest.importorskip("ray")
    launch = long_sweep.spawn("hydra/launcher=ray", "hydra.launcher.address=127.0.0.1:1")
    assert (launch.wait(), launch.output, launch.errors.count("\n")) == (2, "", 1)
    assert launch.errors.startswith("rnnbench: hydra.launcher.address=127.0.0.1:1: ")
