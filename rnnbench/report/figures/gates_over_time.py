"""Gates along the sequence: their means, and how much of them is closed and open."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.cell_names import gate_names
from rnnbench.report.component import Figure
from rnnbench.report.style import CellStyles

PROBE = "gate_statistics"
OPEN_LOOK: dict[str, Any] = {"alpha": 0.4, "linewidth": 0}
CLOSED_LOOK: dict[str, Any] = {"alpha": 0.85, "linewidth": 0}
MEAN_LOOK: dict[str, Any] = {"color": "black", "linewidth": 1.2}
MOST_PANELS = 12
"""Of the usual size."""


class Measured(NamedTuple):
    """The gates of a run along an axis."""

    at: Float[np.ndarray, " at"]
    shares: dict[str, Float[np.ndarray, "gate at"]]
    """`closed`, `open` and, where it was measured, `mean`."""


class GatesOverTime(Figure):
    """How far each gate is open at each time step of the sequence, at the end of training; a panel per cell and gate.

    Dark, from below: the fraction of the gate's values that are closed, under 0.1. Light, from above: of those that are
    open, over 0.9. The line is the mean gate. Fractions and means are over the units of the top layer, the examples of
    the probe's batch, and seeds; thin lines are the seeds. Gates are the sigmoids of a cell's equations, named as
    there; cells without any are left out.
    """

    intervals = "none: every run is drawn; quartiles from ten seeds on"
    axis: ClassVar[str] = "time step t"
    quantity: ClassVar[str] = "fraction of gate values; mean"

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        rows = self.panels(results, styles)
        if not rows:
            raise SettingError("needs measured gates, which no run has; add probe=[gate_statistics]")
        small = len(rows) > MOST_PANELS
        canvas, panels = drawing.grid([title for title, *_ in rows], small, self.axis, self.quantity,
                                      row_height=1.35, share=True)  # fmt: skip
        canvas.explained["open (over 0.9)"] = drawing.band(**OPEN_LOOK)
        canvas.explained["closed (under 0.1)"] = drawing.band(**CLOSED_LOOK)
        for axes, (_, measured, gate, colour) in zip(panels, rows, strict=True):
            _panel(axes, measured, gate, colour)
            self.set_axis(axes)
        return canvas

    def panels(self, results: Results, styles: CellStyles) -> list[tuple[str, list[Measured], int, Any]]:
        """A title, the runs, the gate's place and the colour of each panel."""
        tasks, found = drawing.by_task(results.runs), []
        for title, of_task in tasks:
            for label, group, style in drawing.lines(of_task, styles):
                arrays = [(results.source.probe(run["run"], PROBE), run) for run in group.to_dict("records")]
                measured = list(filter(None, (self.measured(*of_run) for of_run in arrays)))
                names = gate_names(str(group["cell"].iloc[0]), len(measured[0].shares["closed"])) if measured else []
                before = f"{title}: {label}" if len(tasks) > 1 else label
                found += [(f"{before}, {name}", measured, gate, style["color"]) for gate, name in enumerate(names)]
        return found

    def measured(self, arrays: Mapping[str, Any], run: Mapping[Any, Any]) -> Measured | None:
        """What is drawn of the run's arrays; None where it was not measured."""
        del run
        if "gate_mean" not in arrays:
            return None
        shares = {name: arrays[f"gate_{name}"][-1, -1] for name in ("closed", "open", "mean")}
        return Measured(np.arange(1.0, shares["mean"].shape[1] + 1), shares)

    def set_axis(self, axes: Axes) -> None:
        """The scale and ticks of x."""
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))


def _panel(axes: Axes, runs: list[Measured], gate: int, colour: Any) -> None:
    shares = {
        name: pd.concat([pd.Series(run.shares[name][gate], run.at) for run in runs], axis=1).sort_index().ffill()
        for name in runs[0].shares
    }
    edges = {"closed": shares["closed"], "open": 1 - shares["open"]}
    at = edges["closed"].index.to_numpy()
    axes.fill_between(at, 0, edges["closed"].mean(axis=1), color=colour, **CLOSED_LOOK)
    axes.fill_between(at, edges["open"].mean(axis=1), 1, color=colour, **OPEN_LOOK)
    for values in edges.values():
        drawing.draw_seeds(axes, at, values, "0.3")
    if "mean" in shares:
        axes.plot(at, shares["mean"].mean(axis=1), **MEAN_LOOK)
        drawing.canvas_of(axes).explained["mean"] = drawing.handle(**MEAN_LOOK)
    axes.set(ylim=(0, 1), xlim=(at[0], at[-1]), yticks=(0, 0.5, 1))
