"""Executing a run: from settings to a finished run folder, unless it is there already."""

import math
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnbench.backends import planned_backend
from rnnbench.errors import SettingError, as_reported, component_traceback, one_line
from rnnbench.interruption import Interrupted, check
from rnnbench.process_settings import FLUSH_DENORMALS, THREADS, choose, seed_random_numbers, standard_settings
from rnnbench.recorders import ProgressBar, ProgressFile, Recorder, RunFolder, WeightsAndBiases
from rnnbench.runs.build import build_run
from rnnbench.runs.identity import Identities
from rnnbench.runs.provenance import provenance
from rnnbench.runs.settings import Settings, check_run_name
from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, Status, difficulty_value, run_name
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import JobOutcome
from rnnbench.tasks.wrapped import innermost
from rnnbench.training import Run
from rnnbench.training.checkpoint import source_hash
from rnnbench.training.progress import Progress
from rnnbench.wandb_logging import configuration, identity


def print_traceback(error: BaseException) -> str:
    """Print the error's traceback to the terminal, from a component's own file on; return all of it."""
    print(component_traceback(error), end="", file=sys.stderr)
    return "".join(traceback.format_exception(error))


def named(error: BaseException) -> str:
    """An error in one line, with its type."""
    name, said = type(error).__name__, one_line(error)
    return name if said == name else f"{name}: {said}"


def execute(
    settings: Settings,
    cell: str,
    task: str,
    overrides: list[str],
    *,
    shares_machine: bool = False,
    progress: Path | None = None,
    label: str = "",
    worst: float = math.inf,
) -> JobOutcome:
    """Execute the run, unless it is done already or another process executes it.

    `cell` and `task` are the names that the run bears. `shares_machine`: others run at the same time, so that its times
    are not its own. `progress` is the file that the launching process of a sweep reads how far the run has come from.
    `label` says what a sweep varies in it, for its name in W&B.
    `worst` is the objective of a run that diverged or did not get as far as what the objective measures. A failed run
    is an outcome; its traceback is printed and kept in its folder.

    Raises SettingError for a wrong setting, Interrupted after a signal, and what a component raises while it is built.
    """
    check_run_name(cell, task, settings.seed)
    files = ExperimentFiles((settings.results_dir / settings.name).absolute())  # a component may change directory
    with standard_settings(f"a component of the run {' '.join(overrides)}".rstrip()):
        if not settings.rerun and any(files.runs.glob(f"{cell}-{task}-{settings.seed}-*")):
            name, source, _ = Identities().of(settings, cell, task)  # takes less time than building the run
            folder = RunFolder(files.run(name).folder)
            with suppress(DamagedFileError):  # which is reported once the run is locked
                if known := _done_before(settings, overrides, folder, folder.summary(), source, worst):
                    return known
        run = _built(settings)
        first = run.model.cells[0]
        planned = planned_backend(first, settings.model.backend, settings.threads)  # as the planner names the run
        config = settings.result_settings(first.hidden_size, planned.name)
        folder = RunFolder(files.run(run_name(cell, task, settings.seed, config)).folder)
        with folder.lock() as mine:
            if not mine:
                return JobOutcome(overrides, JobStatus.BUSY, folder.name, "(another process is at it)")
            if settings.rerun:
                folder.drop_checkpoint()
            summary = {} if settings.rerun else _stored_summary(folder)
            source = source_hash([type(first), type(innermost(run.task))])
            if known := _done_before(settings, overrides, folder, summary, source, worst):
                return known
            job = Job(settings, run, folder, config, cell, task, shares_machine, progress, label)
            summary = job.execute(summary.get("started_at"))
    if summary["status"] == Status.RUNNING:
        return JobOutcome(overrides, JobStatus.STOPPED, folder.name, _ending(summary))
    objective = _objective(summary, settings.objective, worst)
    return JobOutcome(overrides, summary["status"], folder.name, _ending(summary), objective)


def _built(settings: Settings) -> Run:
    """The run, with the process's settings as it wants them."""
    choose(THREADS, settings.threads)
    choose(FLUSH_DENORMALS, settings.flush_denormals)
    seed_random_numbers(settings.seed)
    run = build_run(settings)
    check()
    choose(THREADS, run.model.backend.torch_threads)  # fewer where the backend has threads of its own
    return run


def _done_before(
    settings: Settings,
    overrides: list[str],
    folder: RunFolder,
    summary: Mapping[str, Any],
    component_source: str,
    worst: float,
) -> JobOutcome | None:
    """The outcome where the summary is of a run that is done; says where that is of other code than is asked for."""
    if (status := JobStatus.of_run_before(summary.get("status"))) is None:
        return None
    if summary.get("component_source") != component_source:
        changed = "the code of its cell or task has changed since; rerun=true does it again"
        print(f"rnnbench: {folder.name}: {changed}", file=sys.stderr)
    return JobOutcome(overrides, status, folder.name, objective=_objective(summary, settings.objective, worst))


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
    shares_machine: bool
    progress_path: Path | None
    label: str

    def execute(self, started_at: str | None) -> dict[str, Any]:
        """Train and return the summary, which is written to the folder however the run ends.

        `started_at` is when an earlier launch first started the run. After a signal the status is still `running`, as
        in the folder, and the run stays at its checkpoint.
        """
        summary = self._begun(started_at)
        self.folder.start(self.config, summary)
        if self.run.model.backend_reason and self.run.device.type == "cpu":
            how = f"backend={self.run.model.backend.name}, since fused cannot run it"
            print(f"rnnbench: {self.folder.name}: {how}: {self.run.model.backend_reason}", file=sys.stderr)
        progress, recorders, error_text = Progress(), list[Recorder](), None
        try:
            progress = self.run.resume(self.folder)
            for recorder in self._recorders(progress, summary):
                recorders.append(recorder)  # one by one, so that those made before an error are finished
            summary["status"], results = self.run.train(self.folder, progress, recorders)
            summary |= {**results, "backend_reason": self.run.model.backend_reason}  # a cell may change meanwhile
            if self.shares_machine:
                summary["times_shared"] = True
        except Interrupted:
            summary["steps_trained"] = progress.step
        except BaseException as raised:
            error = as_reported(raised)
            error_text = print_traceback(error)
            summary |= {**self.run.reached(progress), "status": Status.FAILED, "error": named(error)}
        try:
            if summary["status"] != Status.RUNNING:
                self.folder.finish(summary, error_text)
        finally:
            for recorder in recorders:
                recorder.finish(summary)
        return summary

    def _begun(self, started_at: str | None) -> dict[str, Any]:
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
            **provenance(self.run.device, [type(cell), type(innermost(self.run.task))]),
            **({"started_at": started_at} if started_at else {}),
        }

    def _recorders(self, progress: Progress, begun: Mapping[str, Any]) -> Iterator[Recorder]:
        """A progress bar, and W&B unless it is disabled, from the progress that the run resumes."""
        settings, run = self.settings, self.run
        if self.progress_path is not None:
            yield ProgressFile(self.progress_path, progress.step, run.settings.steps)
        alone = self.progress_path is None
        yield ProgressBar(self.folder.name, run.settings.steps, progress.step, run.task.baseline_loss, lines=alone)
        if settings.wandb.resolved_mode() == "disabled":
            return
        config = configuration(self.config, begun, settings.name, self.label)
        of_run = f"{self.folder.name} {self.label}".strip(), (self.cell, self.task), identity(settings.name, begun)
        yield WeightsAndBiases(
            self.folder.path,
            settings.wandb,
            {"config": config, **settings.wandb.arguments(settings.name, *of_run)},
            axes={name: probe.axes for name, probe in run.probes.items()},
            past_rows=progress.history,
            past_arrays=progress.arrays,
        )


def _ending(summary: Mapping[str, Any]) -> str:
    """A line on how the run ended."""
    if summary["status"] == Status.FAILED:
        return f"({summary['error']}; see its traceback.txt)"
    if summary["status"] == Status.RUNNING:
        return f"at step {summary['steps_trained']}"
    if summary["status"] == Status.DIVERGED:
        return f"at step {summary['diverged_at_step']}"
    solved = f"solved at step {summary['steps_to_solve']}" if summary["solved"] else "not solved"
    measure, baseline = summary["measure"], summary["baseline_loss"]
    losses = [
        f"test loss {summary['test_loss']:.3g}",
        *([] if baseline is None or summary["has_criterion"] else [f"baseline {baseline:.3g}"]),
        *([f"{measure.replace('_', ' ')} {summary[f'test_{measure}']:.3g}"] if f"test_{measure}" in summary else []),
    ]
    criterion = [solved] if summary["has_criterion"] else []
    seconds = summary["wall_time_s"]
    return f"({'; '.join([*criterion, ', '.join(losses), f'{seconds:.0f} s'])})"
