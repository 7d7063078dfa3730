"""What earlier launches left goes, and nothing that is still needed."""

import os
import time
from pathlib import Path

import pytest

from rnnbench.cli.launches import write_outcome, write_plan
from rnnbench.cli.tidying import LAUNCHES_KEPT, STARTED_WITHIN_S, remove_of_dead_processes, remove_old_launches
from rnnbench.schema import ExperimentFiles, JobStatus
from rnnbench.store.atomic import STALE_AFTER_S
from rnnbench.store.reader import JobOutcome, PlannedJob
from tests.cli.conftest import SMALL, Command

OLD_S = 2 * STALE_AFTER_S


def aged(path: Path, seconds: float = OLD_S) -> None:
    """Make all below a path that old."""
    for each in [*path.rglob("*"), path]:
        os.utime(each, (time.time() - seconds,) * 2, follow_symlinks=False)


@pytest.fixture
def files(tmp_path: Path) -> ExperimentFiles:
    """An experiment with the newest launches that stay in any case."""
    made = ExperimentFiles(tmp_path / "experiment")
    for number in range(LAUNCHES_KEPT):
        launched(made, f"2{number:02}", "seed=9", JobStatus.DONE)
    return made


def launched(
    files: ExperimentFiles, name: str, job: str, outcome: JobStatus | None, known: JobStatus | None = None
) -> Path:
    """An old launch of one job."""
    launch = files.folder / "launches" / name
    launch.mkdir(parents=True)
    write_plan(launch, [PlannedJob((job,), None, known)])
    if outcome is not None:
        write_outcome(launch, 0, JobOutcome([job], outcome))
    aged(launch)
    return launch


def test_launches_without_a_job_that_lacks_a_result_go(files: ExperimentFiles) -> None:
    gone = [
        launched(files, "100", "seed=0", None),  # killed, and done by the next
        launched(files, "101", "seed=0", JobStatus.DONE),
        launched(files, "102", "seed=1", JobStatus.DIVERGED),
        launched(files, "103", "seed=2", None, JobStatus.DONE_BEFORE),
        launched(files, "104", "sed=2", JobStatus.REFUSED),
        launched(files, "105", "seed=9", JobStatus.LOST),  # done by one that is kept
    ]
    stay = [
        launched(files, "110", "seed=3", None),
        launched(files, "111", "seed=4", JobStatus.FAILED),
        launched(files, "112", "seed=5", JobStatus.STOPPED),
        launched(files, "113", "seed=6", JobStatus.BUSY),
        launched(files, "114", "seed=0", JobStatus.DONE),
        launched(files, "115", "seed=7", JobStatus.DONE),
        launched(files, "116", "seed=8", JobStatus.DONE),
    ]
    (stay[4] / "job-0.progress").touch()  # it runs
    (stay[5] / "plan.json").write_text("damaged")
    (stay[6] / "plan.json").unlink()
    for launch in stay[5:]:
        aged(launch)
    (files.folder / "launches" / "117").mkdir()  # killed before it had a plan
    aged(files.folder / "launches" / "117")
    remove_old_launches(files)
    assert not [launch.name for launch in gone if launch.exists()]
    assert not [launch.name for launch in stay if not launch.exists()]
    assert not (files.folder / "launches" / "117").exists()
    assert len(list((files.folder / "launches").iterdir())) == LAUNCHES_KEPT + len(stay)


def test_the_newest_launches_stay(files: ExperimentFiles) -> None:
    remove_old_launches(files)
    assert len(files.launches()) == LAUNCHES_KEPT


def test_leftovers_of_dead_processes_go(tmp_path: Path) -> None:
    if (dead := os.fork()) == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    gone = [tmp_path / f"sem.loky-{dead}-abc_1234"]
    stay = [
        tmp_path / f"sem.loky-{os.getpid()}-abc_1234",
        tmp_path / f"sem.other-{dead}-abc",
    ]
    for path in [*gone, *stay]:
        path.touch()
        aged(path, 2 * STARTED_WITHIN_S)
    fresh = tmp_path / f"sem.loky-{dead}-fresh"
    fresh.touch()
    remove_of_dead_processes(tmp_path)
    assert set(tmp_path.iterdir()) == {*stay, fresh}
    remove_of_dead_processes(tmp_path / "none")


def test_a_launch_tidies_up(rnnbench: Command, tmp_path: Path) -> None:
    arguments = (*SMALL, "task.length=6", "model.backend=eager")
    assert rnnbench(*arguments)[0] == 0
    (run,) = tmp_path.glob("results/default/runs/[!.]*")
    left = [
        run.parent / f".{run.name}.lock",
        run / "checkpoint.pt",
        run / "checkpoint-set-aside-1.pt",
        tmp_path / "results" / "default" / ".runs.csv.0123abcd.part",
    ]
    for path in left:
        path.touch()
        aged(path)
    fresh = run / "checkpoint-set-aside-2.pt"
    fresh.touch()
    assert rnnbench(*arguments)[0] == 0
    assert not [path.name for path in left if path.exists()]
    assert fresh.exists()
    assert not list(tmp_path.rglob("*.lock"))
