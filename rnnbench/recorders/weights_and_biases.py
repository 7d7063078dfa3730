"""A run's copy in Weights & Biases. It costs the run the writing of a few lines: see `rnnbench.wandb_logging`."""

from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import Any

from rnnbench.recorders.recorder import Arrays, Recorder, Scalars
from rnnbench.wandb_logging import content, messages
from rnnbench.wandb_logging.process import WandbProcess


class WeightsAndBiases(Recorder):
    """One W&B run, whole in each session: the rows of the sessions before are logged again, each at its step."""

    def __init__(
        self,
        wandb_process: WandbProcess,
        start: Mapping[str, Any],
        *,
        axes: Mapping[str, Mapping[str, tuple[str, ...]]],
        constants: Collection[str],
        past_rows: Sequence[Scalars],
        past_arrays: Mapping[str, Sequence[tuple[int, Arrays]]],
        step_times_s: Sequence[float],
    ) -> None:
        self.wandb_process, self.axes, self.constants = wandb_process, axes, constants
        self.arrays: dict[str, list[tuple[int, Arrays]]] = {}
        self.step_times_s, self.step = step_times_s, 0
        self.wandb_process.send(start)
        for row in past_rows:
            for probe, measured in past_arrays.items():
                for step, arrays in measured:
                    if step == row["step"]:
                        self.store(probe, step, arrays)
            self.record(row)

    def record(self, row: Scalars) -> None:
        step = int(row["step"])
        logged = content.history_row(row, self.constants)
        for probe, measured in self.arrays.items():
            if measured[-1][0] == step:
                logged |= content.profile_row(measured[-1][1], self.axes[probe])
        if times := self.step_times_s[self.step : step]:
            logged["speed/step_time_s"] = median(times)
        self.step = step
        self.wandb_process.send({"do": "log", "step": step, "row": logged})

    def store(self, probe: str, step: int, arrays: Arrays) -> None:
        self.arrays.setdefault(probe, []).append((step, arrays))

    def finish(self, summary: Mapping[str, Any]) -> None:
        self.wandb_process.send(messages.ending(self.step, summary, self.arrays, self.axes))
