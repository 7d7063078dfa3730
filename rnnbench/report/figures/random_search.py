"""The trials of a random search against the learning rate."""

from typing import Any

from rnnbench.analysis.random_search import SEARCHED, VARIANT, best_tenth, trial_losses
from rnnbench.analysis.results import Results
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.style import CellStyles, turn_of_colours

RATE = SEARCHED[0]


class RandomSearch(Figure):
    """Validation loss of every trial of a random search against its learning rate.

    A panel for each variant of the cell, a colour for each task; filled are the tenth of the trials with the smallest
    losses, which are compared.
    """

    needs = (VARIANT, *SEARCHED, "validation_loss")

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        del styles
        groups = list(results.runs.groupby(VARIANT, sort=False))
        canvas, panels = drawing.grid(
            [str(name) for name, _ in groups], False, "learning rate", "validation loss", row_height=1.3, share=True
        )
        tasks = [task for task, _ in drawing.by_task(results.runs)]
        for axes, (_, runs) in zip(panels, groups, strict=True):
            for task, trials in drawing.by_task(runs):
                colour = turn_of_colours(tasks.index(task))
                look: dict[str, Any] = {"color": colour, "markersize": 2.5, "markeredgewidth": 0.5}
                axes.plot(trials[RATE].astype(float), trial_losses(trials), "o", markerfacecolor="none", **look)
                best = best_tenth(trials)
                axes.plot(best[RATE].astype(float), trial_losses(best), "o", label=task, **look)
            axes.set_xscale("log")
            drawing.log_axis(axes)
        canvas.explained = {"trial": drawing.mark("o", 2.5, hollow=True), "best tenth": drawing.mark("o", 2.5)}
        return canvas
