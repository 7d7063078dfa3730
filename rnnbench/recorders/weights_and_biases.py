"""Logging to Weights & Biases: offline by default, online, or disabled."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import wandb
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict, Field

from rnnbench.recorders.recorder import Arrays, Recorder, Scalars
from rnnbench.schema import MEASURED


class WandbSettings(BaseModel):
    """Where runs are logged; conf/wandb/ explains each setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["offline", "online", "disabled"]
    project: str = Field(min_length=1)
    entity: str | None
    init_timeout_s: float = Field(gt=0)


class WeightsAndBiases(Recorder):
    """One W&B run: group = experiment, tags = cell and task, the whole config, history, summary, profiles.

    The run folder does not depend on it: when W&B cannot be reached online, the run is logged offline with one warning.
    """

    def __init__(
        self,
        settings: WandbSettings,
        *,
        folder: Path,
        identity: str,
        group: str,
        tags: Sequence[str],
        config: Mapping[str, Any],
        axes: Mapping[str, Mapping[str, tuple[str, ...]]],
        past_rows: Sequence[Scalars],
        past_arrays: Mapping[str, Sequence[tuple[int, Arrays]]],
    ) -> None:
        self.axes = axes
        self.arrays: dict[tuple[str, str], dict[int, Any]] = {}
        arguments: dict[str, Any] = {
            "project": settings.project,
            "entity": settings.entity,
            "group": group,
            "name": folder.name,
            "id": identity,
            "tags": list(tags),
            "config": dict(config),
            "dir": folder,
            "resume": "allow",
            "reinit": "finish_previous",
        }
        self.run, mode = _start(settings, arguments)
        self.run.define_metric("*", step_metric="step")
        if mode == "offline":  # each session has an offline folder of its own, which must hold the whole run
            for row in past_rows:
                self.record(row)
        for probe, measured in past_arrays.items():
            for step, arrays in measured:
                self.store(probe, step, arrays)

    def record(self, row: Scalars) -> None:
        self.run.log(dict(row))

    def store(self, probe: str, step: int, arrays: Arrays) -> None:
        for name, values in arrays.items():
            self.arrays.setdefault((probe, name), {})[step] = values

    def finish(self, summary: Mapping[str, Any]) -> None:
        for (probe, name), measured in self.arrays.items():
            axes = self.axes[probe][name]
            self.run.log({f"{probe}/{name}": wandb.Table(["step", *axes, name], data=_rows(measured))})
            if axes == ("layer", "time_step"):
                self.run.log({f"{probe}/{name}_picture": wandb.Image(_line_plot(measured, name))})
        self.run.summary.update({key: value for key, value in summary.items() if value is not None})
        self.run.finish(exit_code=0 if summary["status"] in MEASURED else 1)


def _start(settings: WandbSettings, arguments: dict[str, Any]) -> tuple["wandb.Run", str]:
    """Start the W&B run in the requested mode, or offline when online fails."""
    quiet = wandb.Settings(silent=True, console="off", init_timeout=settings.init_timeout_s)
    if settings.mode == "online":
        try:
            return wandb.init(mode="online", settings=quiet, **arguments), "online"
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            reason = " ".join(str(error).split())
            warnings.warn(
                f"W&B cannot be reached ({reason}); this run is logged offline: upload it later with `wandb sync`",
                stacklevel=2,
            )
            return wandb.init(mode="offline", settings=quiet, **arguments), "offline"
    return wandb.init(mode=settings.mode, settings=quiet, **arguments), settings.mode


def _rows(measured: Mapping[int, Any]) -> list[Iterable[Any]]:
    """One row per number: the step, the index along each axis, the value."""
    return [
        [step, *(index + 1 for index in position), float(value)]
        for step, values in measured.items()
        for position, value in np.ndenumerate(values)
    ]


def _line_plot(measured: Mapping[int, Any], name: str) -> Any:
    """The top layer's profile against time, logarithmic, one line per probed step, as an array of pixels."""
    figure = Figure(figsize=(5, 3.5), dpi=150, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(measured)))
    for (step, values), colour in zip(measured.items(), colours, strict=True):
        line = values[-1]
        axes.semilogy(np.arange(1, len(line) + 1), line, color=colour, label=f"step {step}")
    axes.set(xlabel="time step", ylabel=name)
    axes.legend(fontsize="x-small", ncols=2)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
