"""What earlier launches have left behind, removed at the start of the next one, safely while others run."""

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, LaunchFiles
from rnnbench.store.atomic import STALE_AFTER_S, DamagedFileError, is_alive, remove_stale_temporaries
from rnnbench.store.lock import remove_stale_locks
from rnnbench.store.reader import PlannedJob, read_outcome, read_plan, read_run

LAUNCHES_KEPT = 10
"""The newest launches, which stay in any case."""

HAS_A_RESULT = frozenset({JobStatus.DONE, JobStatus.DONE_BEFORE, JobStatus.DIVERGED, JobStatus.REFUSED})
"""Outcomes after which nothing is missing."""

SHARED_MEMORY = Path("/dev/shm")

OF_PROCESSES = re.compile(r"sem\.loky-(?P<process>\d+)-\w+")
"""Names of what the workers of `hydra/launcher=parallel` leave when they are killed."""

STARTED_WITHIN_S = 60
"""The age from which on no process that is being started can still need what a dead one left."""


def tidy(files: ExperimentFiles) -> None:
    """Remove what launches and reports that were killed left; a run removes its own when it starts again.

    What cannot be read or removed stays.
    """
    with suppress(OSError):
        for folder in (files.folder, files.data, *(each.folder for each in files.begun_launches())):
            remove_stale_temporaries(folder)
        remove_old_launches(files)
    remove_stale_locks(files.runs)
    _remove_checkpoints_of_ended_runs(files)
    remove_of_dead_processes(SHARED_MEMORY)


def remove_old_launches(files: ExperimentFiles) -> None:
    """Remove the launches each of whose jobs has a result or is planned by a later one, but the newest and today's.

    So no job is forgotten that was planned and has no result, and none that may still run.
    """
    launches = files.begun_launches()
    planned: set[tuple[str, ...]] = set()
    for launch in reversed(launches if len(launches) > LAUNCHES_KEPT else []):
        with suppress(DamagedFileError):  # the report names it
            jobs = read_plan(launch.plan) if os.path.exists(launch.plan) else []
            if launch in launches[:-LAUNCHES_KEPT] and _age_s(launch.folder) > STALE_AFTER_S:
                missing = (job for number, job in enumerate(jobs) if not _has_a_result(launch, number, job))
                if (jobs or not launch.outcomes()) and {job.overrides for job in missing} <= planned:
                    shutil.rmtree(launch.folder, ignore_errors=True)
            planned |= {job.overrides for job in jobs}


def _has_a_result(launch: LaunchFiles, number: int, job: PlannedJob) -> bool:
    with suppress(DamagedFileError):
        return job.status in HAS_A_RESULT or read_outcome(launch.outcome(number)).status in HAS_A_RESULT
    return False


def _age_s(folder: Path) -> float:
    """Seconds since anything was written to a folder; 0 where somebody else removes it."""
    try:
        return time.time() - max(path.stat().st_mtime for path in [folder, *folder.iterdir()])
    except OSError:
        return 0.0


def _remove_checkpoints_of_ended_runs(files: ExperimentFiles) -> None:
    """Remove what a kill at the very end of a run, or another version's code, left beside its result."""
    for path in files.runs.glob("[!.]*/checkpoint*.pt"):
        with suppress(OSError, DamagedFileError):
            is_old = time.time() - path.stat().st_mtime > STALE_AFTER_S
            is_own = not path.parent.is_symlink()
            if is_old and is_own and read_run(files.run(path.parent.name)).summary["status"] in MEASURED:
                path.unlink(missing_ok=True)


def remove_of_dead_processes(folder: Path) -> None:
    """Remove what this user's dead processes left in a folder for temporary files."""
    with suppress(OSError):
        for path in folder.iterdir():
            match = OF_PROCESSES.fullmatch(path.name)
            if match is None or is_alive(int(match["process"])):
                continue
            with suppress(OSError):
                found = path.lstat()
                if found.st_uid == os.getuid() and time.time() - found.st_mtime > STARTED_WITHIN_S:
                    path.unlink(missing_ok=True)
