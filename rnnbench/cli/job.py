"""One job: from Hydra's configuration to the outcome in the launch's folder."""

import math
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnbench.cli.composer import import_from_config_directories, settings_of
from rnnbench.cli.console import fail
from rnnbench.cli.launches import BASIC_LAUNCHER, write_outcome
from rnnbench.errors import SettingError, as_reported, named, one_line, print_error
from rnnbench.interruption import Interrupted, check, deferred, listen_as_worker, will_be_requeued
from rnnbench.runs.execute import Job, execute
from rnnbench.runs.swept import outcome_line, shared_overrides, swept_label
from rnnbench.schema import ExperimentFiles, JobStatus, LaunchFiles
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import JobOutcome, PlannedJob, read_plan


def run_job(config: DictConfig) -> float | None:
    """Hydra's task function: execute the run, write its outcome to the launch's folder, and return the objective.

    That is None where none was asked for, and of a run that failed. Whatever the run raises becomes its outcome, so
    that the rest of a sweep continues: a wrong setting is refused in one line, anything else fails with its traceback.
    Only a signal ends the sweep: Interrupted is raised once the run has its checkpoint and the outcome is written.
    """
    listen_as_worker()
    with deferred():
        check()
        objective = _run_job(config)
        check()
    return objective


def _run_job(config: DictConfig) -> float | None:
    hydra = HydraConfig.get()
    multirun = hydra.mode == RunMode.MULTIRUN
    launch = LaunchFiles(Path(hydra.sweep.dir if multirun else hydra.run.dir))
    number = int(hydra.job.num) if multirun else 0
    running = launch.running(number)
    if multirun:
        with suppress(OSError):  # on a full disk the launching process knows less
            running.touch()
    outcome = _outcome(config, launch, number)
    text = outcome_line(outcome, shared=outcome.overrides)
    try:
        if outcome.status != JobStatus.STOPPED or not will_be_requeued():
            write_outcome(launch.folder, number, outcome)
    except OSError as error:  # the launch then counts the job as not run
        print(f"rnnbench: {launch.folder} cannot be written ({one_line(error)}); {text}", file=sys.stderr)
    else:
        if not multirun and outcome.status == JobStatus.REFUSED:
            fail(outcome.message)
        if not multirun:  # of a sweep, the launching process prints it
            print(text, file=sys.stderr)
    finally:
        with suppress(OSError):
            running.unlink(missing_ok=True)
    return outcome.objective


def _outcome(config: DictConfig, launch: LaunchFiles, number: int) -> JobOutcome:
    hydra = HydraConfig.get()
    overrides = [str(override) for override in hydra.overrides.task]
    try:
        import_from_config_directories(hydra)
        settings = settings_of(config)
        launches = ExperimentFiles(settings.results_dir / settings.name).launches_folder
        if launches.absolute() != launch.folder.absolute().parent:
            raise SettingError(f"name={settings.name}: must be one value for all runs of a launch, as results_dir must")
        plan: list[PlannedJob] = []
        with suppress(DamagedFileError):  # of a search there is none; the launch reports a damaged one when it ends
            plan = read_plan(launch.plan)
        by_hydra = str(hydra.launcher._target_) == BASIC_LAUNCHER  # one after the other
        job = Job(
            settings,
            str(hydra.runtime.choices["cell"]),
            str(hydra.runtime.choices["task"]),
            overrides,
            swept_label(overrides, shared_overrides(job.overrides for job in plan) if len(plan) > 1 else ()),
            shares_machine=hydra.mode == RunMode.MULTIRUN and not by_hydra and len(plan) != 1,
            worst=-math.inf if str(hydra.sweeper.get("direction")).endswith("maximize") else math.inf,
        )
        return execute(job)
    except SettingError as error:
        return JobOutcome(overrides, JobStatus.REFUSED, message=str(error))
    except Interrupted:
        raise
    except BaseException as raised:  # a component may raise KeyboardInterrupt and SystemExit too
        failure = as_reported(raised)
        path, whole = launch.traceback(number), "".join(traceback.format_exception(failure))
        print_error(failure)
        with suppress(OSError):  # it is on the terminal
            path.write_text(whole, encoding="utf-8", errors="backslashreplace")
        return JobOutcome(overrides, JobStatus.FAILED, message=f"({named(failure)}; see {path})")
