"""The jobs that a launch planned, their outcomes, and the exit code that follows."""

import os
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.core.utils import JobStatus as HydraStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnbench.cli.console import fail
from rnnbench.cli.launching import status_line
from rnnbench.cli.menu import is_among, own_directories
from rnnbench.errors import SettingError
from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, LaunchFiles
from rnnbench.store.atomic import DamagedFileError, remove_stale_temporaries, write_json
from rnnbench.store.lock import remove_stale_locks
from rnnbench.store.reader import JobOutcome, PlannedJob, read_outcome, read_plan, read_run

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
UNION = "hydra_plugins.rnnbench_plugins.UnionOfProducts"
"""The sweeper of hydra/sweeper=union; Hydra takes one from that package alone."""
UNFINISHED = (JobStatus.FAILED, JobStatus.LOST, JobStatus.STOPPED, JobStatus.BUSY)
"""Outcomes after which the same command launched again does the run."""
OF_THE_REPORT = ("experiment", "name", "results_dir", "tuned", "tuning.")
"""Settings of a launch that its report needs too."""


def write_outcome(launch: Path, number: int, outcome: JobOutcome) -> None:
    """Write the outcome of a launch's job to its folder."""
    launch.mkdir(parents=True, exist_ok=True)
    write_json(LaunchFiles(launch).outcome(number), asdict(outcome))


def read_outcomes(launch: Path) -> dict[int, JobOutcome]:
    """The outcomes so far by the jobs' numbers, in their order, but damaged ones, each of which is named in a line."""
    outcomes = {}
    for number, path in LaunchFiles(launch).outcomes().items():
        try:
            outcomes[number] = read_outcome(path)
        except DamagedFileError as error:
            print(f"rnnbench: {error}; its job counts as not run", file=sys.stderr)
    return outcomes


def write_plan(launch: Path, jobs: Sequence[PlannedJob]) -> None:
    """Keep the jobs that the launch sets out to do, numbered in this order."""
    write_json(LaunchFiles(launch).plan, [asdict(job) for job in jobs])


class LaunchRecord(Callback):
    """Hydra's callback around a launch; it must not hold state, since Hydra sends it to worker processes.

    At the start it checks the settings and makes the launch's folder; at the end it exits the program with a code. 0:
    every job is done; 1: one failed or was not run; 2: one was refused for a wrong setting. What must end the program
    raises SystemExit, since Hydra turns an Exception in a callback into a warning.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, Path(config.hydra.run.dir))
        write_plan(Path(config.hydra.run.dir), [PlannedJob(tuple(config.hydra.overrides.task))])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        sweeper = config.hydra.sweeper._target_
        if sweeper != UNION and config.tuned is not None and config.tuning.seeds:
            fail(f"tuning.seeds={list(config.tuning.seeds)}: needs hydra/sweeper=union, which runs in stages")
        if sweeper not in (UNION, BASIC) and config.objective is None:
            fail("objective=null: this sweeper needs a column of the runs to make small, such as validation_loss")
        _begin(config, Path(config.hydra.sweep.dir))
        if not config.hydra.sweeper.get("dry_run"):
            status_line.start(LaunchFiles(Path(config.hydra.sweep.dir)))

    def on_run_end(self, config: DictConfig, **more: Any) -> None:
        job_return: JobReturn = more["job_return"]
        if job_return.status == HydraStatus.COMPLETED:  # otherwise Hydra raises what the job raised
            _end(Path(config.hydra.run.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        status_line.stop()
        _end(Path(config.hydra.sweep.dir))


def _begin(config: DictConfig, launch: Path) -> None:
    from rnnbench.cli.composer import settings_of  # imports torch, which Hydra's other commands can do without

    HydraConfig.instance().set_config(config)
    try:
        settings = settings_of(config)
        experiment = ExperimentFiles(settings.results_dir / settings.name)
        is_sweep, logs = HydraConfig.get().mode == RunMode.MULTIRUN, settings.wandb.resolved_mode() != "disabled"
        if (agent := os.environ.get("WANDB_SWEEP_ID")) and is_sweep and logs:
            fail(f"WANDB_SWEEP_ID={agent}: an agent of W&B starts one run; leave out -m")
        if HydraConfig.get().job.chdir:
            fail("hydra.job.chdir=true: runs stay in the working directory; leave it out")
        if launch.absolute().parent != experiment.launches_folder.absolute():
            where = f"must be in {experiment.launches_folder}; leave it out, results_dir=DIR is where results go"
            fail(f"{launch}: a launch's folder {where}")
        if config.hydra.sweeper.get("dry_run"):
            return
        launch.mkdir(parents=True)
        for folder in (experiment.folder, experiment.data):
            remove_stale_temporaries(folder)
        remove_stale_locks(experiment.runs)
    except SettingError as error:
        fail(str(error))
    except OSError as error:
        said = f"cannot be written ({error.strerror}: {error.filename or launch})"
        fail(f"results_dir={config.results_dir}: {said}; choose another folder")


def _end(launch: Path) -> None:
    try:
        code = _exit_code(launch)
    except Exception:
        traceback.print_exc()
        code = 1
    raise SystemExit(code)


def end_stopped_sweep(by_signal: bool) -> None:
    """Count how far the sweep of this process came that a signal has stopped; nothing for a single run.

    Without a signal it ends the program if the sweep was a search none of whose runs has an objective: Optuna raises
    an error then.
    """
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return
    launch = Path(HydraConfig.get().sweep.dir)
    if by_signal:
        with suppress(OSError):  # a folder that cannot be read
            _exit_code(launch)
    elif HydraConfig.get().sweeper._target_ not in (UNION, BASIC) and read_outcomes(launch):
        print("rnnbench: no run of the search has ended with an objective, so none is the best", file=sys.stderr)
        _end(launch)


def _exit_code(launch: Path) -> int:
    """The exit code for the worst outcome of the launch's jobs; for a sweep, prints a line that counts them."""
    outcomes = read_outcomes(launch).values()
    counts = Counter(_by_now(launch, outcome) for outcome in outcomes)
    if not LaunchFiles(launch).plan.exists():  # of another sweeper, whose jobs are not known before
        write_plan(launch, [PlannedJob(tuple(outcome.overrides), outcome.run) for outcome in outcomes])
    try:
        jobs = read_plan(LaunchFiles(launch).plan)
        planned = len(jobs)
        counts = Counter(job.status for job in jobs if job.status is not None) + counts
    except DamagedFileError as error:
        print(f"rnnbench: {error}; how many jobs were planned is not known", file=sys.stderr)
        planned = counts.total() + 1
    missing = planned - counts.total()
    unfinished = missing + sum(counts[status] for status in UNFINISHED)
    if planned > 1:
        said = [f"{number} {status}" for status, number in counts.items()] + ([f"{missing} not run"] if missing else [])
        print(f"{planned} runs: {', '.join(said)}")
    if counts[JobStatus.REFUSED] < planned:
        again = "; the same command does what is missing" if unfinished else ""
        where, report = launch.parents[1], _report_command(sys.argv[1:])
        print(f"rnnbench: results in {where}; next: {report}{again}", file=sys.stderr)
    return 2 if counts[JobStatus.REFUSED] else 1 if unfinished else 0


def _by_now(launch: Path, outcome: JobOutcome) -> JobStatus:
    """The status of a job; of one whose run another process was executing, as far as that has come."""
    if outcome.status == JobStatus.BUSY and outcome.run is not None:
        with suppress(DamagedFileError):
            status = read_run(ExperimentFiles(launch.parents[1]).run(outcome.run)).summary["status"]
            return JobStatus.DONE_BEFORE if status in MEASURED else JobStatus.BUSY
    return outcome.status


def _report_command(arguments: Sequence[str]) -> str:
    words = [word for word in arguments if "=" in word and is_among(word, OF_THE_REPORT)]
    folders = [f"--config-dir={folder}" for folder in own_directories(arguments)]
    named = any(is_among(word, ("experiment", "name")) for word in words)
    return shlex.join(["rnnbench-report", *words, *folders, *([] if named else ["name=default"])])
