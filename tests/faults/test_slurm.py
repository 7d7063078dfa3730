"""Sweeps on a Slurm cluster of two nodes that the tests start themselves: jobs cancelled, nodes lost, time over."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rnnbench.schema import ExperimentFiles
from rnnbench.store.reader import read_outcome
from tests.faults.launching import Launch, Tally, wait_until
from tests.faults.slurm_cluster import Cluster, cluster, reason_not_to_start

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(reason_not_to_start()), reason=f"no Slurm cluster here: {reason_not_to_start()}"),
]
SLURM = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=2", "hydra.launcher.poll_s=1")
LARGEST_ARRAY = 4


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of this file."""
    with cluster(tmp_path_factory.mktemp("slurm"), LARGEST_ARRAY) as running:
        yield running


class Sweep(Launch):
    """A launching process."""

    def __init__(self, slurm: Cluster, folder: Path, *arguments: str, within: Sequence[str] = ()) -> None:
        super().__init__(folder, *SLURM, *arguments, environment=slurm.environment, within=within)

    def slurm_jobs(self) -> dict[str, list[int]]:
        """The numbers of the runs in each Slurm job that was submitted last."""
        kept = sorted(self.folder.glob("results/*/launches/*/slurm_jobs.json"))
        return {job: [number for number, _ in runs] for job, runs in json.loads(kept[-1].read_text())["jobs"].items()}


def test_runs_are_packed_by_their_length(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "train.steps=400,20", "seed=0,1", "hydra.launcher.runs_per_job=2")
    code, output, errors = sweep.end()
    assert (code, output, sweep.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, failed=0, doubled=0))
    assert re.search(r"Slurm job \d+: 4 runs in 2 Slurm jobs; output in results/default/launches/", errors)
    assert list(sweep.slurm_jobs().values()) == [[0, 2], [1, 3]]  # 0 and 1 are the long ones
    assert not list(tmp_path.glob("results/*/launches/*/slurm"))


def test_more_jobs_than_an_array_may_have(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, f"seed=range(0,{LARGEST_ARRAY + 2})", "train.steps=4")
    code, output, errors = sweep.end()
    assert (code, output) == (0, "6 runs: 6 done\n")
    assert [line.partition(": ")[2] for line in re.findall(r"Slurm job \d+: \d runs in \d", errors)] == [
        "4 runs in 4", "2 runs in 2",
    ]  # fmt: skip
    assert sweep.tally() == Tally(planned=6, done=6, failed=0, doubled=0)


def test_a_killed_job_is_lost_and_the_same_command_does_it(slurm: Cluster, tmp_path: Path) -> None:
    arguments = ("seed=0,1", "train.steps=3000")
    sweep = Sweep(slurm, tmp_path, *arguments)
    wait_until(lambda: 0 in sweep.training())
    (cancelled,) = [job for job, runs in sweep.slurm_jobs().items() if runs == [0]]
    slurm.kill_job(cancelled)
    code, output, errors = sweep.end()
    assert (code, output) == (1, "2 runs: 1 lost, 1 done\n")
    assert f"Slurm job {cancelled}: " in errors
    assert sweep.tally() == Tally(planned=2, done=1, failed=1, doubled=0)
    again = Sweep(slurm, tmp_path, *arguments)
    assert again.end()[:2] == (0, "2 runs: 1 done before, 1 done\n")
    assert again.tally() == Tally(planned=2, done=2, failed=0, doubled=0)


def test_a_cancelled_job_stops_with_a_checkpoint(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=0,1", "train.steps=3000")
    wait_until(lambda: 0 in sweep.training())
    (cancelled,) = [job for job, runs in sweep.slurm_jobs().items() if runs == [0]]
    slurm.command("scancel", cancelled)
    code, output, _ = sweep.end()
    assert (code, output) == (1, "2 runs: 1 stopped, 1 done\n")
    assert sweep.tally() == Tally(planned=2, done=1, failed=1, doubled=0)
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
    assert sweep.tally() == Tally(planned=2, done=2, failed=0, doubled=0)
    slurm.wait_until_idle()


def test_a_warning_before_the_time_is_over_queues_the_job_again(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=0", "train.steps=3000")
    wait_until(lambda: sweep.training() == {0})
    (job,) = sweep.slurm_jobs()
    slurm.command("scancel", "--signal=USR2", job)
    code, _, errors = sweep.end()
    assert (code, sweep.tally()) == (0, Tally(planned=1, done=1, failed=0, doubled=0))
    assert "stopped" not in errors
    assert "Restarts=1" in slurm.command("scontrol", "show", "job", job)


SLOW_TASK = """
import time

from rnnbench.tasks.adding import Adding


class Slow(Adding):
    def step_losses(self, outputs, targets):
        time.sleep(0.05)
        return super().step_losses(outputs, targets)
"""


def test_a_job_whose_time_is_over_goes_on_in_its_next(slurm: Cluster, tmp_path: Path) -> None:
    (tmp_path / "mine" / "task").mkdir(parents=True)
    (tmp_path / "mine" / "slow.py").write_text(SLOW_TASK)
    (tmp_path / "mine" / "task" / "slow.yaml").write_text("# Slow.\n_target_: slow.Slow\nlength: 5\n")
    sweep = Sweep(
        slurm,
        tmp_path,
        "--config-dir=mine",
        "task=slow",
        "seed=0",
        "train.steps=2400",  # of 2 minutes
        "hydra.launcher.timeout_min=2",
        "hydra.launcher.signal_delay_s=20",
    )
    code, _, errors = sweep.end()
    assert (code, sweep.tally()) == (0, Tally(planned=1, done=1, failed=0, doubled=0))
    assert "stopped" not in errors
    (job,) = sweep.slurm_jobs()
    restarts = re.search(r"Restarts=(\d+)", slurm.command("scontrol", "show", "job", job))
    assert restarts is not None
    assert int(restarts[1]) >= 1


def test_a_job_that_may_not_be_queued_again_stops(slurm: Cluster, tmp_path: Path) -> None:
    sweep = Sweep(slurm, tmp_path, "seed=0,1", "train.steps=3000", "hydra.launcher.max_requeues=0")
    wait_until(lambda: 0 in sweep.training())
    (warned,) = [job for job, runs in sweep.slurm_jobs().items() if runs == [0]]
    slurm.command("scancel", "--signal=USR2", warned)
    code, output, errors = sweep.end()
    assert (code, output) == (1, "2 runs: 1 stopped, 1 done\n")
    assert "stopped by SIGUSR2 at step" in errors


def test_a_folder_that_the_nodes_do_not_share_is_told(slurm: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "not-shared"
    folder.mkdir()
    mounted = f'mount -t tmpfs none "{folder}" && cd "{folder}" && exec "$@"'
    try:
        subprocess.run(["unshare", "--mount", "sh", "-c", mounted, "sh", "true"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mounts of its own for a process here: {error}")
    within = ("unshare", "--mount", "sh", "-c", mounted, "sh")
    code, output, errors = Sweep(slurm, tmp_path, "seed=0,1", "train.steps=4", within=within).end()
    assert (code, output) == (1, "2 runs: 2 lost\n")
    assert errors.count("it has left no output: is results_dir on a disk that the nodes share?") == 2


def test_processes_of_srun_share_a_sweep(slurm: Cluster, tmp_path: Path) -> None:
    launch = Launch(
        tmp_path,
        "train.steps=100",
        "seed=range(0,6)",
        environment=slurm.environment,
        within=("srun", "--nodes=2", "--ntasks=2", "--mem=2G"),
    )
    code, output, _ = launch.end()
    files = ExperimentFiles(tmp_path / "results" / "default")
    outcomes = [read_outcome(path) for launch in files.launches() for path in launch.outcomes()]
    assert len(files.launches()) == 2
    assert Counter(outcome["status"] for outcome in outcomes)["done"] == 6
    assert launch.tally()[:2] == (6, 6)
    assert launch.tally().doubled == 0
    assert code in (0, 1), output  # 1 where one process ended while the other was at its last run


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
    wait_until(lambda: "not submitted again" in second.errors)
    for job in submitted:
        slurm.command("scontrol", "resume", job)
    code, output, errors = second.end()
    assert (code, output) == (0, "2 runs: 2 done\n")
    assert "in Slurm jobs of an earlier launch, " in errors
    assert second.slurm_jobs() == submitted
    assert second.tally() == Tally(planned=2, done=2, failed=0, doubled=0)


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
