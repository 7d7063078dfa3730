"""One job: from a composed configuration to a finished run folder."""

import math
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnbench.backends import planned_backend
from rnnbench.cli.configuration import import_from_config_directories, settings_of
from rnnbench.cli.launches import JobOutcome, fail, planned_jobs, write_outcome
from rnnbench.errors import SettingError, as_reported, component_traceback, one_line
from rnnbench.interruption import Interrupted, check, deferred, goes_on_elsewhere, listen_as_worker, received
from rnnbench.process_settings import FLUSH_DENORMALS, THREADS, choose, seed_random_numbers, standard_settings
from rnnbench.recorders import ProgressBar, ProgressFile, Recorder, RunFolder, RunStore, WeightsAndBiases
from rnnbench.recorders.progress_file import StepsDone
from rnnbench.runs.build import build_run
from rnnbench.runs.names import check_run_name
from rnnbench.runs.provenance import provenance, source_hash
from rnnbench.runs.settings import Settings
from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, LaunchFiles, Status, difficulty_value
from rnnbench.store.atomic import DamagedFileError
from rnnbench.training import Run
from rnnbench.training.loop import Progress
from rnnbench.wandb_logging.content import configuration, identity


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
        StepsDone(0, 0, 0).write(progress)
    try:
        import_from_config_directories(hydra)
        settings = settings_of(config)
        if ExperimentFiles(settings.results_dir / settings.name).launches_folder.absolute() != launch.absolute().parent:
            raise SettingError(f"name={settings.name}: must be one value for all runs of a launch, as results_dir must")
        choices, beside_others = hydra.runtime.choices, multirun and launched_side_by_side(hydra.launcher, launch)
        with standard_settings(f"a component of the run {' '.join(overrides)}".rstrip()):
            outcome = _do(
                settings,
                str(choices["cell"]),
                str(choices["task"]),
                overrides,
                beside_others=beside_others,
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
        if outcome.status != JobStatus.STOPPED or not goes_on_elsewhere():
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
    path, whole = LaunchFiles(launch).traceback(number), _tell(error, all_frames)
    with suppress(OSError):  # it is on the terminal
        path.write_text(whole, encoding="utf-8", errors="backslashreplace")
    return JobOutcome(overrides, JobStatus.FAILED, message=f"({_named(error)}; see {path})")


def _tell(error: BaseException, all_frames: bool) -> str:
    """Print the error's traceback to the terminal; return all of it."""
    whole = "".join(traceback.format_exception(error))
    print(whole if all_frames else component_traceback(error), end="", file=sys.stderr)
    return whole


def _named(error: BaseException) -> str:
    name, said = type(error).__name__, one_line(error)
    return name if said == name else f"{name}: {said}"


def launched_side_by_side(launcher: Any, launch: Path) -> bool:
    """Whether the launcher of that configuration runs several of the launch's jobs at a time."""
    at_a_time = _runs_at_a_time(launcher)
    try:
        return at_a_time != 1 and len(planned_jobs(launch)) != 1
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


def _do(
    settings: Settings,
    cell: str,
    task: str,
    overrides: list[str],
    *,
    beside_others: bool,
    all_frames: bool,
    progress: Path | None,
    worst: float,
) -> JobOutcome:
    """Execute the run, unless it is done already or another process executes it.

    `worst` is the objective of a run that diverged or did not get as far as what the objective measures.
    """
    check_run_name(cell, task, settings.seed)
    choose(THREADS, settings.threads)
    choose(FLUSH_DENORMALS, settings.flush_denormals)
    seed_random_numbers(settings.seed)
    run = build_run(settings)
    check()
    choose(THREADS, run.model.backend.torch_threads)  # fewer where the backend has threads of its own
    first = run.model.cells[0]
    planned = planned_backend(first, settings.model.backend, settings.threads)  # as the planner names the run
    config = settings.result_settings(first.hidden_size, planned.name)
    folder = RunStore(settings.results_dir / settings.name).folder(cell, task, settings.seed, config)
    components = [type(first), type(run.task)]
    with folder.lock() as mine:
        if not mine:
            return JobOutcome(overrides, JobStatus.BUSY, folder.name, "(another process is at it)")
        before = _stored_summary(folder)
        if before.get("status") in MEASURED and not settings.rerun:
            if before.get("component_source") != source_hash(components):
                changed = "the code of its cell or task has changed since; rerun=true does it again"
                print(f"rnnbench: {folder.name}: {changed}", file=sys.stderr)
            outcome = JobStatus.DONE_BEFORE if before["status"] == Status.DONE else JobStatus.DIVERGED
            return JobOutcome(overrides, outcome, folder.name, objective=_objective(before, settings.objective, worst))
        if settings.rerun:
            folder.drop_checkpoint()
            before = {}
        if run.model.backend_reason and run.device.type == "cpu":
            how = f"backend={run.model.backend.name}, since fused cannot run it"
            print(f"rnnbench: {folder.name}: {how}: {run.model.backend_reason}", file=sys.stderr)
        job = Job(settings, run, folder, config, cell, task, beside_others, before.get("started_at"), progress)
        summary = job.execute(all_frames)
    if summary["status"] == Status.RUNNING:
        return JobOutcome(overrides, JobStatus.STOPPED, folder.name, _ending(summary))
    objective = _objective(summary, settings.objective, worst)
    return JobOutcome(overrides, summary["status"], folder.name, _ending(summary), objective)


def _objective(summary: Mapping[str, Any], column: str | None, worst: float) -> float | None:
    """The objective's value of a run that has ended; None without an objective and for a failed run."""
    if column is None or summary["status"] not in MEASURED:
        return None
    if column not in summary and summary["status"] == Status.DONE:
        raise SettingError(f"objective={column}: the run has no such column; results/README.md lists them")
    value = None if summary["status"] == Status.DIVERGED else summary[column]
    if value is None:
        return worst
    if isinstance(value, str):
        raise SettingError(f"objective={column}: must be a column of numbers, not {value!r}")
    return float(value)


def _stored_summary(folder: RunFolder) -> dict[str, Any]:
    """The summary of an earlier launch; empty when there is none, or, with a line, when the folder is damaged."""
    try:
        return folder.summary()
    except DamagedFileError as error:
        print(f"rnnbench: {error}; the run is done again", file=sys.stderr)
        return {}


@dataclass(frozen=True)
class Job:
    """A run with the folder and the settings that it is recorded under."""

    settings: Settings
    run: Run
    folder: RunFolder
    config: Mapping[str, Any]
    cell: str
    task: str
    beside_others: bool
    """Whether it was launched side by side with other runs."""
    first_started_at: str | None = None
    """When an earlier launch first started the run."""
    progress_path: Path | None = None
    """Where the launching process of a sweep reads how far the run has come."""

    def execute(self, all_frames: bool) -> dict[str, Any]:
        """Train and return the summary, which is written to the folder however the run ends.

        After a signal the status is still `running`, as in the folder, and the run stays at its checkpoint.
        """
        recorders: list[Recorder] = []
        trained: list[Progress] = []
        summary = self._begun()
        self.folder.start(self.config, summary)

        def make_recorders(progress: Progress) -> Sequence[Recorder]:
            for recorder in self._recorders(progress, summary):
                recorders.append(recorder)  # one by one, so that those made before an error are finished
            trained.append(progress)
            return recorders

        error_text = None
        try:
            summary["status"], results = self.run.execute(self.folder, make_recorders)
            summary |= {**results, "backend_reason": self.run.model.backend_reason}  # a cell may change meanwhile
            if self.beside_others:
                summary["times_shared"] = True
        except Interrupted:
            summary["steps_trained"] = max((progress.step for progress in trained), default=0)
        except BaseException as raised:
            error = as_reported(raised)
            error_text = _tell(error, all_frames)
            for progress in trained:
                summary |= self.run.reached(progress)
            summary |= {"status": Status.FAILED, "error": _named(error)}
        finally:
            if summary["status"] != Status.RUNNING:
                self.folder.finish(summary, error_text)
            for recorder in recorders:
                recorder.finish(summary)
        return summary

    def _begun(self) -> dict[str, Any]:
        """The summary of a run that starts now."""
        cell = self.run.model.cells[0]
        return {
            "status": Status.RUNNING,
            "run": self.folder.name,
            "cell": self.cell,
            "task": self.task,
            "seed": self.settings.seed,
            "backend": self.run.model.backend.name,
            "backend_reason": self.run.model.backend_reason,
            "difficulty_setting": self.run.task.difficulty,
            "difficulty": difficulty_value(self.config["task"], self.run.task.difficulty),
            **provenance(self.run.device, [type(cell), type(self.run.task)]),
            **({"started_at": self.first_started_at} if self.first_started_at else {}),
        }

    def _recorders(self, progress: Progress, begun: Mapping[str, Any]) -> Iterator[Recorder]:
        """A progress bar, and W&B unless it is disabled, from the progress that the run resumes."""
        settings, run = self.settings, self.run
        if self.progress_path is not None:
            yield ProgressFile(self.progress_path, progress.step, run.limits.steps)
        yield ProgressBar(self.folder.name, run.limits.steps, progress.step, run.task.baseline_loss)
        if (mode := settings.wandb.resolved_mode()) == "disabled":
            return
        config = configuration(self.config, begun, settings.name, settings.model.parameter_budget)
        of_run = self.folder.name, (self.cell, self.task), identity(settings.name, begun)
        yield WeightsAndBiases(
            self.folder.path,
            mode,
            settings.wandb.init_timeout_s,
            {"config": config, **settings.wandb.arguments(settings.name, *of_run)},
            axes={name: probe.axes for name, probe in run.probes.items()},
            constants={name for probe in run.probes.values() if not probe.due(1, True) for name in probe.columns},
            past_rows=progress.history,
            past_arrays=progress.arrays,
            step_times_s=progress.step_times_s,
        )


def _ending(summary: Mapping[str, Any]) -> str:
    """A line on how the run ended."""
    if summary["status"] == Status.FAILED:
        return f"({summary['error']}; see its traceback.txt)"
    if summary["status"] == Status.RUNNING:
        return f"by {received()} at step {summary['steps_trained']}"
    if summary["status"] == Status.DIVERGED:
        return f"at step {summary['diverged_at_step']}"
    solved = f"solved at step {summary['steps_to_solve']}" if summary["solved"] else "not solved"
    measure, baseline = summary["measure"], summary["baseline_loss"]
    losses = [
        f"test loss {summary['test_loss']:.3g}",
        *([] if baseline is None else [f"baseline {baseline:.3g}"]),
        *([f"{measure.replace('_', ' ')} {summary[f'test_{measure}']:.3g}"] if f"test_{measure}" in summary else []),
    ]
    criterion = [solved] if summary["has_criterion"] else []
    seconds = summary["wall_time_s"]
    return f"({'; '.join([*criterion, ', '.join(losses), f'{seconds:.0f} s'])})"
