"""Executing a run: from settings to a finished run folder, unless it is there already."""

import math
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnbench.errors import SettingError, as_reported, named, print_error
from rnnbench.interruption import Interrupted, check
from rnnbench.process_settings import FLUSH_DENORMALS, THREADS, choose, seed_random_numbers, standard_settings
from rnnbench.recorders import ProgressBar, Recorder, RunFolder, WeightsAndBiases
from rnnbench.runs.build import build_run
from rnnbench.runs.identity import Identities, provenance
from rnnbench.runs.settings import Settings
from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, Status, difficulty_value
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import JobOutcome
from rnnbench.tasks.wrapped import innermost
from rnnbench.training import Run
from rnnbench.wandb_logging import configuration, identity


@dataclass(frozen=True)
class Job:
    """A run to be executed: its settings, the names of its cell and its task, and what sets it apart."""

    settings: Settings
    cell: str
    task: str
    overrides: list[str]
    label: str = ""
    """What a sweep varies in it, for its name in W&B."""
    shares_machine: bool = False
    """Whether others run at the same time, so that its times are not its own."""
    worst: float = math.inf
    """The objective of a run that diverged or did not get as far as what the objective measures."""

    def outcome(self, status: JobStatus, run: str, message: str = "", objective: float | None = None) -> JobOutcome:
        """The outcome of this job."""
        return JobOutcome(self.overrides, status, run, message, objective)


def execute(job: Job) -> JobOutcome:
    """Execute the run, unless it is done already or another process executes it.

    A failed run is an outcome; its traceback is printed and kept in its folder. Raises SettingError for a wrong
    setting, Interrupted after a signal, and what a component raises while it is built.
    """
    settings = job.settings
    files = ExperimentFiles((settings.results_dir / settings.name).absolute())  # a component may change directory
    with standard_settings(f"a component of the run {' '.join(job.overrides)}".rstrip()):
        name, source, config = Identities().of(settings, job.cell, job.task)
        folder = RunFolder(files.run(name).folder)
        with folder.lock() as mine:
            if not mine:
                return job.outcome(JobStatus.BUSY, name, "(another process is at it)")
            summary: dict[str, Any] = {}
            try:
                if settings.rerun:
                    folder.drop_checkpoint()
                else:
                    summary = folder.summary()
            except DamagedFileError as error:
                print(f"rnnbench: {error}; the run is done again", file=sys.stderr)
            if known := _done_before(job, folder, summary, source):
                return known
            summary = _trained(job, _built(settings), folder, config, summary.get("started_at"))
    status = JobStatus.STOPPED if summary["status"] == Status.RUNNING else JobStatus(summary["status"])
    return job.outcome(status, folder.name, _ending(summary), _objective(job, summary))


def _built(settings: Settings) -> Run:
    choose(THREADS, settings.threads)
    choose(FLUSH_DENORMALS, settings.flush_denormals)
    seed_random_numbers(settings.seed)
    run = build_run(settings)
    check()
    choose(THREADS, run.model.backend.torch_threads)  # fewer where the backend has threads of its own
    return run


def _done_before(job: Job, folder: RunFolder, summary: Mapping[str, Any], component_source: str) -> JobOutcome | None:
    """The outcome where the summary is of a run that is done; says where that is of other code than is asked for."""
    if (status := JobStatus.of_run_before(summary.get("status"))) is None:
        return None
    if summary.get("component_source") != component_source:
        changed = "the code of its cell or task has changed since; rerun=true does it again"
        print(f"rnnbench: {folder.name}: {changed}", file=sys.stderr)
    return job.outcome(status, folder.name, objective=_objective(job, summary))


def _objective(job: Job, summary: Mapping[str, Any]) -> float | None:
    """The objective's value of a run that has ended; None without an objective and for a failed run."""
    column = job.settings.objective
    if column is None or summary["status"] not in MEASURED:
        return None
    if column not in summary and summary["status"] == Status.DONE:
        raise SettingError(f"objective={column}: the run has no such column; results/README.md lists them")
    value = None if summary["status"] == Status.DIVERGED else summary[column]
    if isinstance(value, str):
        raise SettingError(f"objective={column}: must be a column of numbers, not {value!r}")
    return job.worst if value is None else float(value)


def _trained(
    job: Job, run: Run, folder: RunFolder, config: Mapping[str, Any], started_at: str | None
) -> dict[str, Any]:
    """Train and return the summary, which is written to the folder however the run ends.

    `started_at` is when an earlier launch first started the run. After a signal the status is still `running`, as in
    the folder, and the run stays at its checkpoint.
    """
    summary = _begun(job, run, folder, config) | ({"started_at": started_at} if started_at else {})
    folder.start(config, summary)
    if run.model.backend_reason and run.device.type == "cpu":
        how = f"backend={run.model.backend.name}, since fused cannot run it"
        print(f"rnnbench: {folder.name}: {how}: {run.model.backend_reason}", file=sys.stderr)
    recorders, error_text = list[Recorder](), None
    try:
        run.resume(folder)
        for recorder in _recorders(job, run, config, summary):
            recorders.append(recorder)  # one by one, so that those made before an error are finished
        summary["status"], results = run.train(recorders)
        summary |= {**results, "backend_reason": run.model.backend_reason}  # a cell may change meanwhile
        if job.shares_machine:
            summary["times_shared"] = True
    except Interrupted:
        summary["steps_trained"] = run.progress.step
    except BaseException as raised:
        error = as_reported(raised)
        print_error(error)
        error_text = "".join(traceback.format_exception(error))
        summary |= {**run.reached(), "status": Status.FAILED, "error": named(error)}
    try:
        if summary["status"] != Status.RUNNING:
            folder.finish(summary, error_text)
    finally:
        for recorder in recorders:
            recorder.finish(summary)
    return summary


def _begun(job: Job, run: Run, folder: RunFolder, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": Status.RUNNING,
        "run": folder.name,
        "cell": job.cell,
        "task": job.task,
        "seed": job.settings.seed,
        "backend": run.model.backend.name,
        "backend_reason": run.model.backend_reason,
        "difficulty_setting": run.task.difficulty,
        "difficulty": difficulty_value(config["task"], run.task.difficulty),
        **provenance(run.device, [type(run.model.cells[0]), type(innermost(run.task))]),
    }


def _recorders(job: Job, run: Run, config: Mapping[str, Any], begun: Mapping[str, Any]) -> Iterator[Recorder]:
    """Of progress, and W&B unless it is disabled, from where the run resumes."""
    settings, folder, progress, alone = job.settings, run.folder, run.progress, not job.shares_machine
    yield ProgressBar(folder.name, run.settings.steps, progress.step, lines=alone)
    if settings.wandb.resolved_mode() == "disabled":
        return
    of_run = f"{folder.name} {job.label}".strip(), (job.cell, job.task), identity(settings.name, begun)
    logged = configuration(config, begun, settings.name, job.label)
    yield WeightsAndBiases(
        folder.path,
        settings.wandb,
        {"config": logged, **settings.wandb.arguments(settings.name, *of_run)},
        axes={name: probe.axes for name, probe in run.probes.items()},
        past_rows=progress.history,
        past_arrays=progress.arrays,
    )


def _ending(summary: Mapping[str, Any]) -> str:
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
