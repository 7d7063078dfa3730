"""How one step amplifies changes of the state: Lyapunov exponents and the norm of the state-to-state Jacobian."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.profiles import AFTER, BEFORE, moment_rows
from rnnbench.report.sentences import by_line, signs
from rnnbench.report.style import CellStyles, marked
from rnnbench.schema import Status

PROBE = "state_jacobian"
EXPONENTS, NORM = "exponents", "norm"
LABELS = {
    EXPONENTS: ("exponent, largest first", "nats per step"),
    NORM: ("time step t", "largest singular value"),
}
NONE = "needs Jacobians of the state, which no run has; add probe=[state_jacobian]"

Spectra = dict[str, dict[str, Float[np.ndarray, " place"]]]
"""By run, its exponents and norms: of the top layer, means over examples."""


class JacobianSpectrum(Figure):
    """Whether a small change of the state grows or fades: Lyapunov exponents, and the norm of each step's Jacobian.

    Above: the largest exponents, in nats per step; above 0 a small change of the state grows along that direction,
    below 0 it fades. Below: the largest singular value of d s_t / d s_(t-1), the most that step t stretches a change.
    s_t is the top layer's whole state. Values are means over the probed examples; lines are medians over seeds. After
    training is after the last step of each run, runs that diverged left out. A line ends where an exponent is minus
    infinity: a change is gone within a step.
    """

    needs = ("steps_trained",)
    intervals = "none: every run is drawn; quartiles from ten seeds on"

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        spectra, rows = _spectra(results), drawing.line_panels(results.runs, styles)
        moments = [moment for moment, found in spectra.items() if found]
        if drawing.has_many_cells(results.runs):
            canvas, panels = drawing.grid([title for title, _ in rows], True, *LABELS[EXPONENTS])
            for axes, (_, lines) in zip(panels, rows, strict=True):
                _draw(axes, lines, spectra[moments[-1]], EXPONENTS)
            canvas.legend_title = moments[-1]
            return canvas
        named = [(title, lines, quantity) for title, lines in rows for quantity in (EXPONENTS, NORM)]
        canvas, grid = moment_rows([title for title, *_ in named], moments, min(1.8, 8 / len(named)))
        for of_row, (_, lines, quantity) in zip(grid, named, strict=True):
            for axes, moment in zip(of_row, moments, strict=True):
                _draw(axes, lines, spectra[moment], quantity)
                axes.set_xlabel(LABELS[quantity][0])
            of_row[0].set_ylabel(LABELS[quantity][1])
            limits = [axes.get_ylim() for axes in of_row]
            for axes in of_row:
                axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
                if axes.get_yscale() == "log":
                    drawing.log_axis(axes)
        return canvas

    def finding(self, results: Results) -> list[str]:
        """In which cells a small change grows and in which it fades."""
        spectra = _spectra(results)
        moment = AFTER if spectra[AFTER] else BEFORE
        largest = {run: float(of[EXPONENTS][0]) for run, of in spectra[moment].items()}
        what = f"A small change of the state, by the largest Lyapunov exponent {moment}, nats per step"
        return signs(what, by_line(results.runs, largest), ("grows in", "fades in", "neither is seen in"))


def _spectra(results: Results) -> dict[str, Spectra]:
    """Before training of all runs, after it of those that trained to their end. Raises SettingError without any."""
    found: dict[str, Spectra] = {BEFORE: {}, AFTER: {}}
    for run in results.runs.to_dict("records"):
        arrays = results.source.probe(run["run"], PROBE)
        if NORM not in arrays:
            continue
        top = {name: arrays[name][:, -1].mean(axis=1) for name in (EXPONENTS, NORM)}
        found[BEFORE][run["run"]] = {name: values[0] for name, values in top.items()}
        if run["status"] == Status.DONE and run["steps_trained"] > 0:
            found[AFTER][run["run"]] = {name: values[-1] for name, values in top.items()}
    if not found[BEFORE]:
        raise SettingError(NONE)
    return found


def _draw(axes: Axes, lines: list[drawing.Line], spectra: Spectra, quantity: str) -> None:
    """Medians and seeds."""
    for label, group, style in lines:
        found = [pd.Series(spectra[run][quantity]) for run in group["run"] if run in spectra]
        if not found:
            continue
        values = pd.concat(found, axis=1)
        at, finite = values.index.to_numpy() + 1, values.median(axis=1).replace(-np.inf, np.nan)
        drawing.draw_seeds(axes, at, values.replace(-np.inf, np.nan), style["color"])
        axes.plot(at, finite, label=label, **marked(style, len(at)))
    if quantity == EXPONENTS:
        axes.axhline(0, color="0.3", linewidth=0.8, zorder=1)
    elif axes.lines:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
