"""Sweeps on a Slurm cluster of two nodes that the tests start: jobs killed, cancelled and warned."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnbench.schema import ExperimentFiles
from rnnbench.store.reader import read_outcome
from tests.faults.launching import Launch, Tally, wait_until
from tests.faults.slurm_cluster import Cluster, cluster, reason_not_to_start

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


def launched(slurm: Cluster, folder: Path, *arguments: str) -> Launch:
    """A sweep of two runs, the first of which trains in task 0 of Slurm's array."""
    launch = Launch(folder, *SLURM, "seed=0,1", "train.steps=3000", *arguments, environment=slurm.environment)
    wait_until(lambda: 0 in launch.training())
    return launch


def first_task(slurm: Cluster) -> str:
    """The first task of the array that runs."""
    return min(slurm.command("squeue", "--noheader", "--array", "--states=running", "--format=%i").split())


def test_several_runs_in_a_job(slurm: Cluster, tmp_path: Path) -> None:
    launch = Launch(
        tmp_path,
        *SLURM,
        "train.steps=400,20",
        "seed=0,1",
        "hydra.launcher.runs_per_job=2",
        environment=slurm.environment,
    )
    code, output, errors = launch.end()
    assert (code, output, launch.tally()) == (0, "4 runs: 4 done\n", Tally(planned=4, done=4, doubled=0))
    assert ": 2; output in " in errors


@pytest.mark.parametrize("how", ["killed", "cancelled", "warned", "warned too often"])
def test_a_job_that_ends_before_its_run(slurm: Cluster, tmp_path: Path, how: str) -> None:
    requeues = f"hydra.launcher.max_requeues={0 if how == 'warned too often' else 20}"
    launch, task = launched(slurm, tmp_path, requeues), first_task(slurm)
    if how == "killed":
        slurm.kill(task)
    else:
        slurm.command("scancel", *(["--signal=USR2"] if how.startswith("warned") else []), task)
    code, output, errors = launch.end()
    status = {"killed": "lost", "cancelled": "stopped", "warned too often": "stopped"}.get(how)
    assert (code, output) == ((1, f"2 runs: 1 {status}, 1 done\n") if status else (0, "2 runs: 2 done\n")), errors
    if how == "warned":
        assert "Restarts=1" in slurm.command("scontrol", "show", "job", task)
    else:
        again = Launch(tmp_path, *SLURM, "seed=0,1", "train.steps=3000", environment=slurm.environment)
        assert again.end()[:2] == (0, "2 runs: 1 done before, 1 done\n")
    assert launch.tally() == Tally(planned=2, done=2, doubled=0)


def test_a_launching_process_started_again_doubles_nothing(slurm: Cluster, tmp_path: Path) -> None:
    first = launched(slurm, tmp_path)
    first.process.kill()
    first.process.wait()
    Launch(tmp_path, *SLURM, "seed=0,1", "train.steps=3000", environment=slurm.environment).end()
    wait_until(lambda: not slurm.command("squeue", "--noheader"))
    last = Launch(tmp_path, *SLURM, "seed=0,1", "train.steps=3000", environment=slurm.environment)
    assert (last.end()[0], last.tally()) == (0, Tally(planned=2, done=2, doubled=0))


def test_processes_of_srun_share_a_sweep(slurm: Cluster, tmp_path: Path) -> None:
    within = ("srun", "--nodes=2", "--ntasks=2", "--mem=2G")
    launch = Launch(tmp_path, "train.steps=100", "seed=range(0,6)", environment=slurm.environment, within=within)
    code, output, _ = launch.end()
    files = ExperimentFiles(tmp_path / "results" / "default")
    outcomes = [read_outcome(path) for launch in files.launches() for path in launch.outcomes()]
    assert len(files.launches()) == 2
    assert Counter(outcome.status for outcome in outcomes)["done"] == 6
    assert launch.tally() == Tally(planned=6, done=6, doubled=0)
    assert code in (0, 1), output  # 1 where one process ended while the other was at its last run


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("partition=none", "invalid partition specified: none"),
        ("mem_gb=900", "Memory specification can not be satisfied"),
        ("runs_per_job=0", "hydra.launcher.runs_per_job=0: must be at least 1"),
    ],
)
def test_what_slurm_refuses_is_one_line(slurm: Cluster, tmp_path: Path, setting: str, reason: str) -> None:
    arguments = (*SLURM, f"hydra.launcher.{setting}", "seed=0,1")
    code, output, errors = Launch(tmp_path, *arguments, environment=slurm.environment).end()
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert reason in errors
