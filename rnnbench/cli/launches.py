"""The jobs that a launch planned, their outcomes, and the exit code that follows."""

import logging
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.core.utils import JobStatus as HydraStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnbench.cli.arguments import OPTIONS_WITH_A_VALUE
from rnnbench.cli.sweep import BASIC, UNION, check_one_per_launch
from rnnbench.cli.tidying import tidy
from rnnbench.cli.tuning_stages import first_jobs
from rnnbench.errors import SettingError
from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, LaunchFiles
from rnnbench.store import reader
from rnnbench.store.atomic import DamagedFileError, write_json
from rnnbench.store.reader import JobOutcome, PlannedJob

UNFINISHED = (JobStatus.FAILED, JobStatus.LOST, JobStatus.STOPPED, JobStatus.BUSY)
"""Outcomes after which the same command launched again does the run."""


def write_outcome(launch: Path, number: int, outcome: JobOutcome) -> None:
    """Write the outcome of a launch's job to its folder."""
    launch.mkdir(parents=True, exist_ok=True)
    write_json(LaunchFiles(launch).outcome(number), asdict(outcome))


def read_outcomes(launch: Path) -> list[JobOutcome]:
    """The outcomes so far, in the order of the jobs' numbers."""
    outcomes = (_outcome(path) for path in LaunchFiles(launch).outcomes())
    return [outcome for outcome in outcomes if outcome is not None]


def read_outcome(launch: Path, number: int) -> JobOutcome | None:
    """The outcome of the job with that number, None when it has none."""
    path = LaunchFiles(launch).outcome(number)
    return _outcome(path) if path.exists() else None


def _outcome(path: Path) -> JobOutcome | None:
    """The outcome in a file; None, with a line, when the file is damaged."""
    try:
        return reader.read_outcome(path)
    except DamagedFileError as error:
        print(f"rnnbench: {error}; its job counts as not run", file=sys.stderr)
        return None


def write_plan(launch: Path, jobs: Sequence[PlannedJob]) -> None:
    """Keep the jobs that the launch sets out to do, numbered in this order."""
    write_json(LaunchFiles(launch).plan, [job._asdict() for job in jobs])


class LaunchRecord(Callback):
    """Hydra's callback around a launch.

    At the start it checks the settings and writes the plan into the launch's folder; at the end it exits the program
    with a code. 0: every job is done; 1: one failed or was not run; 2: one was refused for a wrong setting. Hydra turns
    an Exception in a callback into a warning and continues, so everything here that must end the program raises
    SystemExit.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, Path(config.hydra.run.dir), lambda: [list(config.hydra.overrides.task)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        if config.hydra.sweeper._target_ == UNION:  # which writes the plan, stage by stage
            _begin(config, Path(config.hydra.sweep.dir))
            return
        loader = GlobalHydra.instance().config_loader()
        known = config.hydra.sweeper._target_ == BASIC
        if not known and config.objective is None:
            fail("objective=null: this sweeper needs a column of the runs to make small, such as validation_loss")
        if not known:  # a run that failed has a line of its own
            logging.getLogger("hydra_plugins.hydra_optuna_sweeper").setLevel(logging.CRITICAL)
        _begin(config, Path(config.hydra.sweep.dir), lambda: first_jobs(config, loader) if known else [])

    def on_run_end(self, config: DictConfig, **more: Any) -> None:
        job_return: JobReturn = more["job_return"]
        if job_return.status == HydraStatus.COMPLETED:  # otherwise Hydra raises what the job raised
            _end(Path(config.hydra.run.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        if config.hydra.sweeper._target_ not in (UNION, BASIC):
            _write_plan_of_search(Path(config.hydra.sweep.dir))
        _end(Path(config.hydra.sweep.dir))


def _begin(config: DictConfig, launch: Path, plan: Callable[[], Sequence[Sequence[str]]] | None = None) -> None:
    from rnnbench.cli.configuration import settings_of  # imports torch, which Hydra's other commands can do without

    HydraConfig.instance().set_config(config)
    try:
        settings = settings_of(config)
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            check_one_per_launch(config)
            settings.wandb.check_multirun()
        if HydraConfig.get().job.chdir:
            raise SettingError("hydra.job.chdir=true: runs stay in the working directory; leave it out")
        jobs = None if plan is None else [PlannedJob(tuple(overrides)) for overrides in plan()]
        _make(launch, ExperimentFiles(Path(config.results_dir) / config.name).launches_folder)
        if jobs is not None:
            write_plan(launch, jobs)
        tidy(ExperimentFiles(launch.parents[1]))
    except SettingError as error:
        fail(str(error))
    except OSError as error:
        place = error.filename or launch
        said = f"cannot be written ({error.strerror}: {place})"
        fail(f"results_dir={config.results_dir}: {said}; choose another folder")


def _make(launch: Path, launches: Path) -> None:
    """Make the launch's folder. Raises SettingError where that is another launch's, or not one of the experiment's."""
    said = f"hydra.{'sweep' if HydraConfig.get().mode == RunMode.MULTIRUN else 'run'}.dir={launch}"
    if launch.absolute().parent != launches.absolute():
        raise SettingError(f"{said}: must be a folder in {launches}; leave it out")
    try:
        launch.mkdir(parents=True)
    except FileExistsError:
        raise SettingError(f"{said}: is there already, and each launch needs its own; leave it out") from None


def _end(launch: Path) -> None:
    try:
        code = _exit_code(launch)
    except Exception:
        traceback.print_exc()
        code = 1
    raise SystemExit(code)


def end_search_without_result() -> None:
    """End the program if its sweep was a search none of whose runs has an objective: Optuna raises an error then."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return
    hydra = HydraConfig.get()
    launch = Path(hydra.sweep.dir)
    outcomes = read_outcomes(launch)
    if hydra.sweeper._target_ in (UNION, BASIC) or not outcomes or any(each.objective is not None for each in outcomes):
        return
    print("rnnbench: no run of the search has ended with an objective, so none is the best", file=sys.stderr)
    _write_plan_of_search(launch)
    _end(launch)


def _write_plan_of_search(launch: Path) -> None:
    """The plan of a sweep whose jobs are not known before."""
    write_plan(launch, [PlannedJob(tuple(outcome.overrides), outcome.run) for outcome in read_outcomes(launch)])


def print_counts_of_stopped_launch() -> None:
    """Print how far the sweep of this process came that a signal has stopped; nothing for a single run."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return
    with suppress(OSError):  # a folder that cannot be read
        _exit_code(Path(HydraConfig.get().sweep.dir))


def _exit_code(launch: Path) -> int:
    """The exit code for the worst outcome of the launch's jobs; for a sweep, prints a line that counts them."""
    counts = Counter(_by_now(launch, outcome) for outcome in read_outcomes(launch))
    try:
        jobs = reader.read_plan(LaunchFiles(launch).plan)
    except DamagedFileError as error:
        print(f"rnnbench: {error}; how many jobs were planned is not known", file=sys.stderr)
        planned = counts.total() + 1
    else:
        planned = len(jobs)
        counts = Counter(job.status for job in jobs if job.status is not None) + counts
    missing = planned - counts.total()
    unfinished = missing + sum(counts[status] for status in UNFINISHED)
    if planned > 1:
        said = [f"{number} {status}" for status, number in counts.items()] + ([f"{missing} not run"] if missing else [])
        print(f"{planned} runs: {', '.join(said)}")
    if counts[JobStatus.REFUSED] < planned:
        again = "; the same command does what is missing" if unfinished else ""
        where, report = launch.parents[1], _report_command(sys.argv[1:])
        print(f"rnnbench: results in {where}; next: {report}{again}", file=sys.stderr)
    if counts[JobStatus.REFUSED]:
        return 2
    return 1 if unfinished else 0


def _by_now(launch: Path, outcome: JobOutcome) -> JobStatus:
    """The status of a job; of one whose run another process was executing, as far as that has come."""
    if outcome.status != JobStatus.BUSY or outcome.run is None:
        return outcome.status
    try:
        status = reader.read_run(ExperimentFiles(launch.parents[1]).run(outcome.run)).summary["status"]
    except DamagedFileError:
        return JobStatus.BUSY
    return JobStatus.DONE_BEFORE if status in MEASURED else JobStatus.BUSY


def _report_command(arguments: Sequence[str]) -> str:
    """The command that reports on what these arguments launched."""
    of_report = ("experiment=", "name=", "results_dir=", "tuned=", "tuning.", "--config-dir=", "-cd=")
    words = [
        word
        for before, word in pairwise(["", *arguments])
        if word.startswith(of_report) or {before, word} & OPTIONS_WITH_A_VALUE
    ]
    named = any(word.startswith(("experiment=", "name=")) for word in words)
    return shlex.join(["rnnbench-report", *words, *([] if named else ["name=default"])])


def fail(message: str) -> None:
    """End the program for a wrong setting: one line, exit code 2."""
    print(f"rnnbench: {message}", file=sys.stderr)
    raise SystemExit(2)
