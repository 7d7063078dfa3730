"""What becomes of a sweep on a Ray cluster whose workers or nodes are killed."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.faults.launching import Launch, killed_with_children, wait_until

pytest.importorskip("ray")
pytestmark = pytest.mark.faults
RAY = ("hydra/launcher=ray", "train.steps=2000", "seed=0,1,2,3")
NODE = ("--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1")


@dataclass
class Cluster:
    """Nodes of one core each, on this machine."""

    address: str
    log: Path
    nodes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start(self, *arguments: str) -> None:
        """Start a node, with the processes that belong to it."""
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", *NODE, *arguments]
        with self.log.open("ab") as log:
            self.nodes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def workers(self) -> list[psutil.Process]:
        """The processes that execute runs at present."""
        children = [child for node in self.nodes for child in psutil.Process(node.pid).children(recursive=True)]
        return [process for process in children if " ".join(process.cmdline()).startswith("ray::_ending")]


@pytest.fixture
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of a head and a node."""
    folder = tmp_path_factory.mktemp("ray")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = Cluster(f"127.0.0.1:{port}", folder / "log")
    try:
        cluster.start("--head", f"--port={port}", "--include-dashboard=false")
        wait_until(lambda: "Ray runtime started" in cluster.log.read_text())
        cluster.start(f"--address={cluster.address}")
        wait_until(lambda: cluster.log.read_text().count("Ray runtime started") == 2)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            killed_with_children(node)


def test_a_killed_worker_only_delays(ray: Cluster, tmp_path: Path) -> None:
    launch = Launch(tmp_path, *RAY, f"hydra.launcher.address={ray.address}")
    wait_until(lambda: len(launch.training()) == 2)
    ray.workers()[0].kill()
    code, output, _ = launch.end()
    assert (code, output) == (0, "4 runs: 4 done\n")


def test_a_killed_node_only_delays(ray: Cluster, tmp_path: Path) -> None:
    launch = Launch(tmp_path, *RAY, f"hydra.launcher.address={ray.address}")
    wait_until(lambda: len(launch.training()) == 2)
    killed_with_children(ray.nodes[1])
    code, output, _ = launch.end()
    assert (code, output) == (0, "4 runs: 4 done\n")


def test_a_cluster_of_its_own(tmp_path: Path) -> None:
    code, output, _errors = Launch(tmp_path, *RAY, "train.steps=20", "hydra.launcher.num_cpus=2").end()
    assert (code, output) == (0, "4 runs: 4 done\n")


def test_a_wrong_address_is_one_line(tmp_path: Path) -> None:
    where = "hydra.launcher.address=127.0.0.1:9"
    code, output, errors = Launch(tmp_path, *RAY, where).end()
    assert (code, output) == (2, "")
    assert errors.startswith(f"rnnbench: {where}: no Ray cluster answers there")
    assert errors.count("\n") == 1
