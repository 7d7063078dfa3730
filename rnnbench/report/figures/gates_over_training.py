"""Gates in the course of training: how much of them is closed and open."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from matplotlib.axes import Axes

from rnnbench.analysis.results import Results
from rnnbench.report.figures.gates_over_time import PROBE, GatesOverTime, Measured
from rnnbench.report.sentences import by_line, signs

UNITS = "model.hidden_size"


class GatesOverTraining(GatesOverTime):
    """How much of each gate is closed and open in the course of training; a panel per cell and gate.

    Dark, from below: the fraction of the gate's values that are closed, under 0.1. Light, from above: of those that are
    open, over 0.9. Fractions are means over the units of the top layer, all time steps and examples of the probe's
    batch, and seeds; thin lines are the seeds. A run that stopped early keeps its last values. Gates are the sigmoids
    of a cell's equations, named as there; cells without any are left out.
    """

    needs = (UNITS,)
    axis: ClassVar[str] = "training step"
    quantity: ClassVar[str] = "fraction of gate values"

    def measured(self, arrays: Mapping[str, Any], run: Mapping[Any, Any]) -> Measured | None:
        if not arrays or not arrays["gate_open_fraction"].shape[-1] or len(arrays["step"]) < 2:
            return None
        width, units, steps = arrays["gate_open_fraction"].shape[-1], int(run[UNITS]), arrays["step"]
        gates = width // units if width % units == 0 else 1
        shares = {
            name: arrays[f"gate_{name}_fraction"][:, -1].reshape(len(steps), gates, -1).mean(axis=2).T
            for name in ("closed", "open")
        }
        return Measured(np.asarray(steps, float), shares)

    def set_axis(self, axes: Axes) -> None:
        axes.set_xscale("symlog", linthresh=1)
        ticks = [0, *(tick for tick in (10, 1000, 100_000, 10_000_000) if tick <= axes.get_xlim()[1])]
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])

    def finding(self, results: Results) -> list[str]:
        """In which cells training saturates the gates."""
        changes = {}
        for run in results.runs.to_dict("records"):
            if measured := self.measured(results.source.probe(run["run"], PROBE), run):
                saturated = sum(share.mean(axis=0) for share in measured.shares.values())
                changes[run["run"]] = float(saturated[-1] - saturated[0])
        words = ("it grows in", "it falls in", "no change is seen in")
        what = "Fraction of gate values that are closed or open, after training minus before"
        return signs(what, by_line(results.runs, changes), words)
