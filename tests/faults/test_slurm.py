"""Sweeps on a Slurm cluster of two nodes that the tests start themselves: jobs cancelled, nodes lost, time over."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.launching import Launch, wait_until
from tests.faults.slurm_cluster import Cluster, cluster, reason_not_to_start

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(reason_not_to_start()), reason=f"no Slurm cluster here: {reason_not_to_start()}"),
]
SLURM = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=2", "hydra.launcher.poll_s=1")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of this file."""
    with cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


class Sweep(Launch):
    """A launching process."""

    def __init__(self, slurm: Cluster, folder: Path, *arguments: str) -> None:
        super().__init__(folder, *SLURM, *arguments, environment=slurm.environment)

    def slurm_jobs(self) -> dict[str, list[int]]:
        """The numbers of the runs in each Slurm job that was submitted last."""
        kept = sorted(self.folder.glob("results/*/launches/*/slurm_jobs.json"))
        return {job: [number for number, _ in runs] for job, runs in json.loads(kept[-1].read_text())["jobs"].items()}

    def names(self) -> list[str]:
        """The runs that are done."""
        found = [json.loads(path.read_text()) for path in self.folder.glob("results/*/runs/*/summary.json")]
        return sorted(summary["run"] for summary in found if summary["status"] == "done")


def test_runs_are_packed(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=range(0,5)", "train.steps=20", "hydra.launcher.runs_per_job=3")
    code, output, errors = sweep.end()
    assert (code, output) == (0, "5 runs: 5 done\n")
    assert re.search(r"Slurm job \d+: 5 runs in 2 Slurm jobs; output in results/default/launches/", errors)
    assert len(sweep.slurm_jobs()) == 2
    assert not list(tmp_path.glob("results/*/launches/*/slurm"))


def test_a_killed_job_is_lost_and_the_same_command_does_it(slurm: Cluster, tmp_path: Path) -> None:
    arguments = ("seed=0,1", "train.steps=3000")
    sweep = Sweep(slurm, tmp_path, *arguments)
    wait_until(lambda: 0 in sweep.training())
    (cancelled,) = [job for job, runs in sweep.slurm_jobs().items() if runs == [0]]
    slurm.kill_job(cancelled)
    code, output, errors = sweep.end()
    assert (code, output) == (1, "2 runs: 1 lost, 1 done\n")
    assert f"Slurm job {cancelled}: " in errors
    assert Sweep(slurm, tmp_path, *arguments).end()[:2] == (0, "2 runs: 1 done before, 1 done\n")


def test_a_cancelled_job_stops_with_a_checkpoint(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=0,1", "train.steps=3000")
    wait_until(lambda: 0 in sweep.training())
    (cancelled,) = [job for job, runs in sweep.slurm_jobs().items() if runs == [0]]
    slurm.command("scancel", cancelled)
    code, output, _ = sweep.end()
    assert (code, output) == (1, "2 runs: 1 stopped, 1 done\n")
    assert len(list(tmp_path.glob("results/*/runs/*/checkpoint.pt"))) == 1


def test_a_lost_node_only_delays(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=0,1", "train.steps=4000")
    wait_until(lambda: sweep.training() == {0, 1})
    slurm.kill_node("n2")
    slurm.command("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=killed")
    try:
        code, output, _ = sweep.end()
    finally:
        slurm.start_node("n2")
        slurm.command("scontrol", "update", "NodeName=n2", "State=RESUME")
    assert (code, output) == (0, "2 runs: 2 done\n")
    slurm.wait_until_idle()


def test_a_warning_before_the_time_is_over_queues_the_job_again(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=0", "train.steps=3000")
    wait_until(lambda: sweep.training() == {0})
    (job,) = sweep.slurm_jobs()
    slurm.command("scancel", "--signal=USR2", job)
    code, _, errors = sweep.end()
    assert code == 0
    assert "stopped" not in errors
    (outcome,) = tmp_path.glob("results/*/launches/*/job-0.json")
    assert json.loads(outcome.read_text())["status"] == "done"
    assert "Restarts=1" in slurm.command("scontrol", "show", "job", job)


def test_a_launching_process_started_again_follows_the_jobs_that_go_on(slurm: Cluster, tmp_path: Path) -> None:
    arguments = ("seed=0,1", "train.steps=4000")
    first = Sweep(slurm, tmp_path, *arguments)
    wait_until(lambda: first.training() == {0, 1})
    submitted = first.slurm_jobs()
    first.process.kill()
    first.process.wait()
    for job in submitted:
        slurm.command("scontrol", "suspend", job)
    second = Sweep(slurm, tmp_path, *arguments)
    wait_until(lambda: "not submitted" in second.errors)
    for job in submitted:
        slurm.command("scontrol", "resume", job)
    code, output, errors = second.end()
    assert (code, output) == (0, "2 runs: 2 done\n")
    assert "2 runs are in Slurm jobs of an earlier launch" in errors
    assert second.slurm_jobs() == submitted
    assert len(second.names()) == 2


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("partition=none", "invalid partition specified: none"),
        ("mem_gb=900", "Memory specification can not be satisfied"),
        ("runs_per_job=0", "hydra.launcher.runs_per_job=0: must be at least 1"),
    ],
)
def test_what_slurm_refuses_is_one_line(slurm: Cluster, tmp_path: Path, setting: str, said: str) -> None:
    code, output, errors = Sweep(slurm, tmp_path, f"hydra.launcher.{setting}", "seed=0,1").end()
    assert (code, output) == (2, "")
    assert said in errors
    assert errors.count("\n") == 1
