"""What becomes of a sweep on a Ray cluster of which a worker, a node or the head is killed."""

import os
import re
import secrets
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


@dataclass
class Cluster:
    """A head and another node, of one core each."""

    folder: Path
    address: str = ""
    nodes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    environment: dict[str, str] = field(
        default_factory=lambda: {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
    )

    def start(self, *arguments: str) -> None:
        """Start a node; `ray start` ends when one of the node's processes does."""
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1", *arguments]
        log = self.folder / f"{len(self.nodes)}.log"
        with log.open("wb") as output:
            self.nodes.append(subprocess.Popen(command, env=self.environment, stdout=output, stderr=output))
        wait_until(lambda: "Ray runtime started" in log.read_text() or self.nodes[-1].poll() is not None)
        assert self.nodes[-1].poll() is None, log.read_text()
        if found := re.search(r"ray start --address='([^']+)'", log.read_text()):
            self.address = found[1]

    def processes(self, node: int, title: str) -> list[psutil.Process]:
        """The processes of a node whose command line begins like that."""
        children = psutil.Process(self.nodes[node].pid).children(recursive=True)
        return [child for child in children if " ".join(child.cmdline()).startswith(title)]


@pytest.fixture
def ray() -> Iterator[Cluster]:
    """A cluster in processes of its own; its sockets need a short path."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="ray-")))
    memory = "--object-store-memory=100000000"
    try:
        cluster.start("--head", "--port=0", "--include-dashboard=false", memory, f"--temp-dir={cluster.folder}")
        cluster.start(f"--address={cluster.address}", memory)
        yield cluster
    finally:
        for node in reversed(cluster.nodes):
            killed_with_children(node)
        shutil.rmtree(cluster.folder, ignore_errors=True)


def launched(ray: Cluster, folder: Path) -> Launch:
    """A sweep of four runs, two of which train."""
    launch = Launch(folder, *RAY, f"hydra.launcher.address={ray.address}", environment=ray.environment)
    wait_until(lambda: len(launch.training()) == 2)
    return launch


def test_a_killed_worker_only_delays(ray: Cluster, tmp_path: Path) -> None:
    launch = launched(ray, tmp_path)
    (worker,) = ray.processes(1, "ray::_ending_with_a_signal")
    worker.kill()
    code, output, _ = launch.end()
    assert (code, output, launch.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, failed=0, doubled=0))


def test_a_killed_node_only_delays(ray: Cluster, tmp_path: Path) -> None:
    launch = launched(ray, tmp_path)
    killed_with_children(ray.nodes[1])
    code, output, _ = launch.end()
    assert (code, output, launch.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, failed=0, doubled=0))


def test_a_killed_head_ends_the_launch_and_another_cluster_does_the_rest(ray: Cluster, tmp_path: Path) -> None:
    launch = launched(ray, tmp_path)
    killed_with_children(ray.nodes[0])
    code, output, errors = launch.end()
    assert code == 1
    assert "2 not run" in output
    assert 1 <= launch.tally().failed <= 2  # the run on the other node may have ended
    assert f"rnnbench: the Ray head at {ray.address} is gone; not submitted: 2\n" in errors
    ray.start("--head", "--port=0", "--include-dashboard=false", f"--temp-dir={ray.folder}")
    again = Launch(tmp_path, *RAY, f"hydra.launcher.address={ray.address}", environment=ray.environment)
    assert again.end()[0] == 0
    assert again.tally() == Tally(planned=4, done=4, failed=0, doubled=0)


def test_a_launching_process_started_again_doubles_nothing(ray: Cluster, tmp_path: Path) -> None:
    first = launched(ray, tmp_path)
    first.process.kill()
    first.process.wait()
    again = Launch(tmp_path, *RAY, f"hydra.launcher.address={ray.address}", environment=ray.environment)
    code, output, _ = again.end()
    assert (code, again.tally()) == (0, Tally(planned=4, done=4, failed=0, doubled=0)), output


def test_a_wrong_address_or_token_is_told(ray: Cluster, tmp_path: Path) -> None:
    for address, token, said in (
        ("127.0.0.1:1", "", "no Ray cluster answers there (Connection refused)"),
        (ray.address, "another", "is RAY_AUTH_TOKEN, or ~/.ray/auth_token, here as it is in the cluster?"),
    ):
        environment = ray.environment | ({"RAY_AUTH_TOKEN": token} if token else {})
        launch = Launch(tmp_path, *RAY, f"hydra.launcher.address={address}", environment=environment)
        code, output, errors = launch.end()
        assert (code, output) == (2, "")
        assert errors.count("rnnbench:") == 1
        assert f"hydra.launcher.address={address}: " in errors
        assert said in errors
