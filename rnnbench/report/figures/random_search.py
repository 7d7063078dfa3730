"""The trials of a random search against the learning rate."""

from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.random_search import SEARCHED, VARIANT, best_tenth, trial_losses
from rnnbench.analysis.results import Results
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.style import LARGE, CellStyles

RATE = SEARCHED[0]


class RandomSearch(Figure):
    """Validation loss of every trial of a random search against its learning rate.

    A panel for each variant of the cell, a colour for each task; filled are the tenth of the trials with the smallest
    losses, which are compared.
    """

    needs = (VARIANT, *SEARCHED, "validation_loss")

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        del styles
        groups = list(results.runs.groupby(VARIANT, sort=False))
        canvas, panels = drawing.grid(
            [str(name) for name, _ in groups], True, "learning rate", columns=3, row_height=1.4
        )
        tasks = list(results.runs["task"].unique())
        for axes, (_, runs) in zip(panels, groups, strict=True):
            for number, task in enumerate(tasks):
                trials = runs[runs["task"] == task]
                for shown, face, label in ((trials, "none", "_"), (best_tenth(trials), f"C{number}", str(task))):
                    axes.plot(shown[RATE].astype(float), trial_losses(shown), "o", color=f"C{number}", markersize=2.5,
                              markerfacecolor=face, markeredgewidth=0.5, label=label)  # fmt: skip
            axes.set_xscale("log")
            drawing.log_axis(axes)
        canvas.supylabel("validation loss", fontsize=LARGE)
        drawing.legend_above(canvas)
        return canvas
