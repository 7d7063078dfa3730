"""One job: from Hydra's configuration to the outcome in the launch's folder."""

import math
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnbench.cli.configuration import import_from_config_directories, settings_of
from rnnbench.cli.launches import fail, write_outcome
from rnnbench.errors import SettingError, as_reported, one_line
from rnnbench.interruption import Interrupted, check, deferred, listen_as_worker, will_be_requeued
from rnnbench.recorders.progress import write_progress
from rnnbench.runs.execute import execute, named, print_traceback
from rnnbench.schema import ExperimentFiles, JobStatus, LaunchFiles
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import JobOutcome, read_plan


def run_job(config: DictConfig, all_frames: bool = False) -> float | None:
    """Hydra's task function: execute the run, and write its outcome to the launch's folder; returns the objective.

    It is None where none was asked for, and of a run that failed.

    Whatever the run raises becomes its outcome, so that the rest of a sweep continues: a wrong setting is refused in
    one line, anything else fails with its traceback, where `all_frames` also shows the frames of this package. Only a
    signal ends the sweep: Interrupted is raised once the run has its checkpoint and the outcome is written.
    """
    listen_as_worker()
    with deferred():
        check()
        objective = _run_job(config, all_frames)
        check()
    return objective


def _run_job(config: DictConfig, all_frames: bool) -> float | None:
    hydra = HydraConfig.get()
    multirun = hydra.mode == RunMode.MULTIRUN
    launch = Path(hydra.sweep.dir if multirun else hydra.run.dir)
    number = int(hydra.job.num) if multirun else 0
    overrides = [str(override) for override in hydra.overrides.task]
    progress = LaunchFiles(launch).progress(number) if multirun else None
    if progress is not None:
        write_progress(progress, 0, 0)
    try:
        import_from_config_directories(hydra)
        settings = settings_of(config)
        if ExperimentFiles(settings.results_dir / settings.name).launches_folder.absolute() != launch.absolute().parent:
            raise SettingError(f"name={settings.name}: must be one value for all runs of a launch, as results_dir must")
        outcome = execute(
            settings,
            str(hydra.runtime.choices["cell"]),
            str(hydra.runtime.choices["task"]),
            overrides,
            shares_machine=multirun and launched_side_by_side(hydra.launcher, launch),
            all_frames=all_frames,
            progress=progress,
            worst=-math.inf if str(hydra.sweeper.get("direction")).endswith("maximize") else math.inf,
        )
    except SettingError as error:
        outcome = JobOutcome(overrides, JobStatus.REFUSED, message=str(error))
    except Interrupted:
        raise
    except BaseException as error:  # a component may raise KeyboardInterrupt and SystemExit too
        outcome = _failed_before_it_started(launch, number, overrides, error, all_frames)
    if not multirun and outcome.status == JobStatus.REFUSED:
        write_outcome(launch, number, outcome)
        fail(outcome.message)
    text = f"{outcome.run or ' '.join(overrides)}: {outcome.status} {outcome.message}".rstrip()
    try:
        if outcome.status != JobStatus.STOPPED or not will_be_requeued():
            write_outcome(launch, number, outcome)
    except OSError as error:  # the launch then counts the job as not run
        print(f"rnnbench: {launch} cannot be written ({one_line(error)}); {text}", file=sys.stderr)
    else:
        if progress is None:  # of a sweep, the launching process prints it
            print(text, file=sys.stderr)
    finally:
        if progress is not None:
            with suppress(OSError):
                progress.unlink(missing_ok=True)
    return outcome.objective


def _failed_before_it_started(
    launch: Path, number: int, overrides: list[str], error: BaseException, all_frames: bool
) -> JobOutcome:
    """The outcome of a job whose run has no folder for the traceback."""
    error = as_reported(error)
    path, whole = LaunchFiles(launch).traceback(number), print_traceback(error, all_frames)
    with suppress(OSError):  # it is on the terminal
        path.write_text(whole, encoding="utf-8", errors="backslashreplace")
    return JobOutcome(overrides, JobStatus.FAILED, message=f"({named(error)}; see {path})")


def launched_side_by_side(launcher: Any, launch: Path) -> bool:
    """Whether the launcher of that configuration runs several of the launch's jobs at a time."""
    at_a_time = _runs_at_a_time(launcher)
    try:
        return at_a_time != 1 and len(read_plan(LaunchFiles(launch).plan)) != 1
    except DamagedFileError:  # the launch tells it when it ends
        return bool(at_a_time != 1)


def _runs_at_a_time(launcher: Any) -> float:
    """How many runs the launcher of that configuration executes at a time; -1 where that depends on the machines."""
    if launcher["_target_"].endswith(".BasicLauncher"):
        return 1
    if launcher.get("address") is not None:
        return -1
    if launcher.get("num_cpus") is not None:
        return float(launcher.num_cpus // launcher.cpus_per_run)
    return float(launcher.get("n_jobs", launcher.get("n_workers", -1)))
