"""One job: from a composed configuration to a finished run folder."""

import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from rnnbench.cli.build import build_run
from rnnbench.cli.launches import JobOutcome, fail, planned_jobs, write_outcome
from rnnbench.cli.provenance import provenance, source_hash
from rnnbench.cli.settings import Settings
from rnnbench.errors import SettingError, one_line
from rnnbench.recorders import ProgressBar, Recorder, RunFolder, RunStore, WeightsAndBiases
from rnnbench.schema import MEASURED
from rnnbench.training import Run
from rnnbench.training.loop import Progress


def run_job(config: DictConfig) -> None:
    """Hydra's task function: do the run, or say in one line why not, and keep the outcome with the launch.

    It never raises for a run that cannot be or that fails, so that the rest of a sweep goes on.
    """
    hydra = HydraConfig.get()
    _import_from_config_directories(hydra)
    overrides = [str(override) for override in hydra.overrides.task]
    choices = hydra.runtime.choices
    try:
        outcome = _do(Settings.from_config(config), str(choices["cell"]), str(choices["task"]), overrides)
    except SettingError as error:
        outcome = JobOutcome(overrides, "refused", message=str(error))
    multirun = hydra.mode == RunMode.MULTIRUN
    launch = Path(hydra.sweep.dir if multirun else hydra.run.dir)
    number = int(hydra.job.num) if multirun else 0
    write_outcome(launch, number, outcome)
    if not multirun and outcome.status == "refused":
        fail(outcome.message)
    count = f"[{number + 1}/{len(planned_jobs(launch))}] " if multirun else ""
    print(f"{count}{outcome.run or ' '.join(overrides)}: {outcome.status} {outcome.message}".rstrip(), file=sys.stderr)


def _import_from_config_directories(hydra: HydraConf) -> None:
    """Let components of the user's own be imported from beside their YAML, the folder given as --config-dir."""
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line" and source.path not in sys.path:
            sys.path.append(source.path)


def _do(settings: Settings, cell: str, task: str, overrides: list[str]) -> JobOutcome:
    torch.set_num_threads(settings.threads)
    torch.set_flush_denormal(settings.flush_denormals)
    run = build_run(settings)
    torch.set_num_threads(run.model.backend.torch_threads)
    config = settings.result_settings(run.model.cells[0].hidden_size, run.model.backend.name)
    folder = RunStore(settings.results_dir / settings.name).folder(cell, task, settings.seed, config)
    components = [type(run.model.cells[0]), type(run.task)]
    with folder.lock() as mine:
        if not mine:
            return JobOutcome(overrides, "busy", folder.name, "(another process is at it)")
        if (summary := folder.summary()).get("status") in MEASURED and not settings.rerun:
            if summary["component_source"] != source_hash(components):
                warnings.warn(
                    f"{folder.name}: the code of its cell or task has changed since; rerun=true does it again",
                    stacklevel=2,
                )
            return JobOutcome(overrides, "done before" if summary["status"] == "done" else "diverged", folder.name)
        if settings.rerun:
            folder.drop_checkpoint()
        identity = {"run": folder.name, "cell": cell, "task": task, "seed": settings.seed}
        return _execute(settings, run, folder, config, identity, overrides)


def _execute(
    settings: Settings,
    run: Run,
    folder: RunFolder,
    config: Mapping[str, Any],
    identity: Mapping[str, Any],
    overrides: list[str],
) -> JobOutcome:
    """Train, and write the folder's summary whatever comes of it."""
    recorders: list[Recorder] = []
    summary: dict[str, Any] = {
        "status": "running",
        **identity,
        "backend": run.model.backend.name,
        "state_names": list(run.model.cells[0].state_names),
        "difficulty": run.task.difficulty,
        **provenance(run.device, [type(run.model.cells[0]), type(run.task)]),
    }
    folder.start(config, summary)

    def listen(progress: Progress) -> Sequence[Recorder]:
        recorders.append(ProgressBar(folder.name, settings.train.steps, progress.step, run.task.baseline_loss))
        if settings.wandb.mode != "disabled":
            recorders.append(_log_to_wandb(settings, run, folder, config, identity, progress))
        return recorders

    error_text = None
    try:
        summary["status"], results = run.execute(folder, listen)
        summary |= results
    except Exception as error:
        error_text = traceback.format_exc()
        summary |= {"status": "failed", "error": f"{type(error).__name__}: {one_line(error)}"}
    folder.finish(summary, error_text)
    for recorder in recorders:
        recorder.finish(summary)
    return JobOutcome(overrides, summary["status"], folder.name, _in_words(summary))


def _log_to_wandb(
    settings: Settings,
    run: Run,
    folder: RunFolder,
    config: Mapping[str, Any],
    identity: Mapping[str, Any],
    progress: Progress,
) -> WeightsAndBiases:
    return WeightsAndBiases(
        settings.wandb,
        folder=folder.path,
        identity=f"{settings.name}-{folder.name}",
        group=settings.name,
        tags=[str(identity["cell"]), str(identity["task"])],
        config={**config, "run": folder.name, "cell_name": identity["cell"], "task_name": identity["task"]},
        axes={name: probe.axes for name, probe in run.probes.items()},
        past_rows=progress.history,
        past_arrays=progress.arrays,
    )


def _in_words(summary: Mapping[str, Any]) -> str:
    """A line on how the run ended."""
    if summary["status"] == "failed":
        return f"({summary['error']}; see its traceback.txt)"
    if summary["status"] == "diverged":
        return f"at step {summary['diverged_at_step']}"
    solved = f"solved at step {summary['steps_to_solve']}" if summary["solved"] else "not solved"
    return (
        f"({solved}; test loss {summary['test_loss']:.3g}, baseline {summary['baseline_loss']:.3g}; "
        f"{summary['wall_time_s']:.0f} s)"
    )
