"""What becomes of a sweep on a Ray cluster of which a worker or a node is killed."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.faults.launching import Launch, Tally, killed_with_children, wait_until

pytest.importorskip("ray")
pytestmark = pytest.mark.faults
RAY = ("hydra/launcher=ray", "train.steps=2000", "seed=0,1,2,3")
MEMORY = "--object-store-memory=100000000"


@dataclass
class Cluster:
    """A head and another node, of one core each."""

    folder: Path
    address: str = ""
    nodes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start(self, *arguments: str) -> None:
        """Start a node; `ray start` ends when one of the node's processes does."""
        command = [
            sys.executable,
            "-c",
            "from ray.scripts.scripts import main; main()",
            "start",
            "--block",
            "--num-cpus=1",
            *arguments,
        ]
        log = self.folder / f"{len(self.nodes)}.log"
        with log.open("wb") as output:
            self.nodes.append(subprocess.Popen(command, stdout=output, stderr=output))
        wait_until(lambda: "Ray runtime started" in log.read_text() or self.nodes[-1].poll() is not None)
        assert self.nodes[-1].poll() is None, log.read_text()
        if found := re.search(r"ray start --address='([^']+)'", log.read_text()):
            self.address = found[1]


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster with a token; its sockets need a short path."""
    for name, value in {"AUTH_MODE": "token", "AUTH_TOKEN": "0123456789" * 4, "USAGE_STATS_ENABLED": "0"}.items():
        monkeypatch.setenv(f"RAY_{name}", value)
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="ray-")))
    try:
        cluster.start("--head", "--port=0", "--include-dashboard=false", MEMORY, f"--temp-dir={cluster.folder}")
        cluster.start(f"--address={cluster.address}", MEMORY)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            killed_with_children(node)
        shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.mark.parametrize("what", ["worker", "node"])
def test_a_killed_worker_or_node_only_delays(ray: Cluster, tmp_path: Path, what: str) -> None:
    launch = Launch(tmp_path, *RAY, f"hydra.launcher.address={ray.address}")
    wait_until(lambda: len(launch.training()) == 2)
    if what == "node":
        killed_with_children(ray.nodes[1])
    else:
        children = psutil.Process(ray.nodes[1].pid).children(recursive=True)
        next(child for child in children if re.match("ray::(?!IDLE)", " ".join(child.cmdline()))).kill()
    code, output, _ = launch.end()
    assert (code, output, launch.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, doubled=0))


def test_a_wrong_address_is_one_line(tmp_path: Path) -> None:
    code, output, errors = Launch(tmp_path, *RAY, "hydra.launcher.address=127.0.0.1:1").end()
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("rnnbench: hydra.launcher.address=127.0.0.1:1: ")
