"""Sweeps on a Slurm cluster of two nodes that the tests start: jobs killed, cancelled and warned."""

from collections.abc import Iterator

import pytest

from tests.faults.slurm_cluster import Cluster, cluster, reason_not_to_start
from tests.faults.sweeps import Launch, Sweep, wait_until

pytest.importorskip("submitit")
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(reason_not_to_start()), reason=f"no Slurm cluster here: {reason_not_to_start()}"),
]
SLURM = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=2")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of this file."""
    with cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture
def slurm_sweep(slurm: Cluster, long_sweep: Sweep) -> Sweep:
    """A sweep of four runs whose launches find the cluster."""
    long_sweep.environment = slurm.environment
    return long_sweep


def launched(sweep: Sweep, *arguments: str) -> Launch:
    """Launch it; two runs train."""
    launch = sweep.spawn(*SLURM, *arguments)
    sweep.wait_for_training(launch, 2)
    return launch


@pytest.mark.parametrize("how", ["killed", "cancelled", "warned", "warned too often"])
def test_a_job_that_ends_before_its_run(slurm: Cluster, undisturbed_long: Sweep, slurm_sweep: Sweep, how: str) -> None:
    launch = launched(slurm_sweep, f"hydra.launcher.max_requeues={0 if how == 'warned too often' else 20}")
    task = min(slurm.command("squeue", "--noheader", "--array", "--states=running", "--format=%i").split())
    if how == "killed":
        slurm.kill(task)
    else:
        slurm.command("scancel", *(["--signal=USR2"] if how.startswith("warned") else []), task)
    status = {"killed": "lost", "cancelled": "stopped", "warned too often": "stopped"}.get(how)
    assert launch.wait() == (1 if status else 0), launch.errors
    assert sorted(launch.output.strip().removeprefix("4 runs: ").split(", ")) == (
        sorted([f"1 {status}", "3 done"]) if status else ["4 done"]
    )
    if how == "warned":
        assert "Restarts=0" not in slurm.command("scontrol", "show", "job", task)  # scancel may warn more than once
    else:
        assert slurm_sweep.spawn(*SLURM, "hydra.launcher.runs_per_job=2").wait() == 0
    slurm_sweep.account(undisturbed_long).reported(f"a Slurm job {how}")


def test_a_launching_process_started_again_doubles_nothing(
    slurm: Cluster, undisturbed_long: Sweep, slurm_sweep: Sweep
) -> None:
    first = launched(slurm_sweep, "hydra.launcher.runs_per_job=2")
    first.process.kill()
    first.process.wait()
    slurm_sweep.spawn(*SLURM).wait()
    wait_until(lambda: not slurm.command("squeue", "--noheader"))
    assert slurm_sweep.spawn(*SLURM).wait() == 0
    slurm_sweep.account(undisturbed_long).reported("Slurm, launching process killed")


def test_processes_of_srun_on_two_nodes_share_a_sweep(undisturbed_long: Sweep, slurm_sweep: Sweep) -> None:
    launch = slurm_sweep.spawn(within=("srun", "--nodes=2", "--ntasks=2", "--mem=2G"))
    assert launch.wait() in (0, 1)  # 1 where one process ended while the other was at its last run
    assert len(slurm_sweep.files.launches()) == 2
    slurm_sweep.account(undisturbed_long).reported("two processes of srun")


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("partition=none", "invalid partition specified: none"),
        ("mem_gb=900", "Memory specification can not be satisfied"),
        ("runs_per_job=0", "hydra.launcher.runs_per_job=0: must be at least 1"),
    ],
)
def test_what_slurm_refuses_is_one_line(slurm_sweep: Sweep, setting: str, reason: str) -> None:
    launch = slurm_sweep.spawn(*SLURM, f"hydra.launcher.{setting}")
    assert (launch.wait(), launch.output, launch.errors.count("\n")) == (2, "", 1), launch.errors
    assert reason in launch.errors
