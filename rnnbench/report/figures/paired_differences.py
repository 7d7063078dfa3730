"""Two cells against each other: the ratio of their steps to solve, or of their losses."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from rnnbench.analysis import loss_comparison, steps_comparison
from rnnbench.analysis.intervals import UNDEFINED, Interval
from rnnbench.analysis.loss_scale import LINEAR, SCALE
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.analysis.steps_ratio import FACTOR
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import cell_label
from rnnbench.report.style import SMALLEST, CellStyles, text_width
from rnnbench.report.tables.paired_differences import PairedDifferences as Losses
from rnnbench.report.tables.steps_ratio import StepsRatio

STEPS, LOSS = "steps to solve", "test loss"
FACTORS = {STEPS: FACTOR, LOSS: loss_comparison.FACTOR}
TICKS = (1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 100.0, 1e3, 1e4)
PERMUTATIONS = 1999
MOST_PAIRS = 15
DECADES = 1
"""Of a ratio, from which on the colour of a matrix stays the same."""


class PairedDifferences(Figure):
    """Two cells against each other on a logarithmic axis: left of 1 the cell named first is better.

    Where all runs trained equally many steps, the ratio of their losses on test data, a mean over seeds of log ratios
    with Student's 95% interval. Otherwise, since a loss at which a run stopped says when it stopped, the ratio of their
    training steps to solve the task: the ratios that a log-rank test does not reject, runs that did not solve it
    counting as censored. An arrow: the interval is open on that side. Grey: equivalent, within a factor of 1.5 of steps
    or 2 of losses.

    More than fifteen pairs are a matrix: the ratio of the row's cell over the column's as a colour, blue where the
    row's is better; a dot where the interval leaves out 1.
    """

    needs = ("test_loss", "steps_to_solve", "steps_trained")
    intervals = (
        "95% over seeds: of steps, the ratios that a log-rank test does not reject, by permutation; of losses, "
        "Student's on the log ratios within seeds"
    )

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None, milestone: str | None = None) -> None:
        """With a `milestone`, such as `solved` or `half_baseline`, the ratio of steps to it whatever the budgets."""
        super().__init__(only)
        self.milestone = milestone

    def finding(self, results: Results) -> list[str]:
        """What the tests of the pairs decide."""
        quantity, rows = _rows(results.runs, self.milestone)
        table = Losses() if quantity == LOSS else StepsRatio(milestone=self.milestone or SOLVED)
        return [" ".join(found)] if (found := table.found(rows)) else []

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        quantity, rows = _rows(results.runs, self.milestone)
        softer = self.milestone if self.milestone not in (None, SOLVED) else None
        compared = f"steps to {softer.replace('_', ' ')}" if softer else quantity
        factor = FACTORS[quantity]
        identity = ["task", "cell", "variant", "other_cell", "other_variant"]
        groups = [group for _, group in rows.groupby(identity, sort=False)]
        if len(groups) > MOST_PAIRS:
            return _matrices(rows, compared, factor)
        columns = min(3 if text_width() > 3 * drawing.PANEL_WIDTH else 1, len(groups))
        height = 0.8 + 0.16 * max(map(len, groups)) + 0.1 / -(-len(groups) // columns)
        titles = [_title(group.iloc[0].to_dict(), rows["task"].nunique() > 1) for group in groups]
        alike = len({tuple(map(_difficulty, group.to_dict("records"))) for group in groups}) == 1
        canvas, panels = drawing.grid(titles, False, "", columns=columns, row_height=height, share=alike)
        limits = _limits(list(rows["ratio"]), factor)
        for number, (axes, group) in enumerate(zip(panels, groups, strict=True)):
            axes.axvspan(1 / factor, factor, color="0.3", alpha=0.15, linewidth=0)
            _panel(axes, group.to_dict("records"), limits, styles)
            if number + columns >= len(groups):
                axes.set_xlabel(f"ratio of {compared}")
        explained = {
            "ratio, 95% interval": Line2D([], [], color="0.3", marker="o", markersize=4, linewidth=1.5),
            "open interval": drawing.mark("<", hollow=True),
            f"within a factor of {factor:g}": drawing.band(),
        }
        drawing.legend_above(canvas, explained)
        return canvas


def _rows(runs: pd.DataFrame, milestone: str | None) -> tuple[str, pd.DataFrame]:
    """What is compared, and one row per pair and difficulty with its `ratio`, or `why` there is none."""
    losses = loss_comparison.loss_comparison(runs, np.random.default_rng(0))
    if losses.empty:
        raise SettingError("needs two cells on the same task; run another cell")
    if milestone is None and not losses["why_not_compared"].any():
        linear = losses.get(SCALE, pd.Series("", losses.index)) == LINEAR
        ratios = [
            UNDEFINED if is_linear else _power_of_ten(difference)
            for difference, is_linear in zip(losses["difference"], linear, strict=True)
        ]
        why = linear.map({True: "losses of 0 or less have no ratio", False: ""})
        return LOSS, losses.assign(ratio=pd.Series(ratios, losses.index, dtype=object), why=why)
    generator, reached = np.random.default_rng(0), milestone or SOLVED
    steps = steps_comparison.steps_comparison(runs, generator, milestone=reached, permutations=PERMUTATIONS)
    return STEPS, steps.assign(why=steps["why_no_ratio"])


def _power_of_ten(decades: Interval) -> Interval:
    return Interval(*(10.0 ** min(bound, 300) for bound in (decades.estimate, decades.low, decades.high)))


def _panel(axes: Axes, rows: list[dict[Any, Any]], limits: tuple[float, float], styles: CellStyles) -> None:
    """A row for each difficulty of a pair."""
    axes.axvline(1, color="0.3", linewidth=0.8)
    axes.set(xscale="log", xlim=limits)
    for place, row in enumerate(rows):
        _interval(axes, place, row["ratio"], row["why"], styles.of(row["cell"]), limits)
    drawing.dot_rows(axes, list(map(_difficulty, rows)))
    ticks = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    middle, every = ticks.index(1.0), -(-len(ticks) // 5)
    axes.xaxis.set_major_locator(FixedLocator(ticks[middle % every :: every]))  # at most five, 1 among them
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _interval(
    axes: Axes, place: int, ratio: Interval, why: str, style: Mapping[str, Any], limits: tuple[float, float]
) -> None:
    """The bar and its estimate; a triangle at the panel's edge where the bar continues."""
    if np.isnan(ratio.estimate):
        text = why.partition(":")[0]
        axes.text(0.5, place, text, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=SMALLEST)
        return
    colour = style["color"]
    low, high = (ratio.estimate if np.isnan(bound) else bound for bound in (ratio.low, ratio.high))
    axes.plot(np.clip([low, high], *limits), [place, place], color=colour, linewidth=1.5)
    for beyond, edge, triangle in ((low < limits[0], limits[0], "<"), (high > limits[1], limits[1], ">")):
        if beyond:
            axes.plot(edge, place, triangle, color=colour, markersize=5, markerfacecolor="white", clip_on=False)
    if limits[0] < ratio.estimate < limits[1]:
        axes.plot(ratio.estimate, place, style["marker"], color=colour, markersize=4.5)


def _matrices(rows: pd.DataFrame, compared: str, factor: float) -> Canvas:
    """A matrix of cells for each task and difficulty; each variant of a cell has a row."""
    one, other = (
        [cell_label(*of, brief=True) for of in zip(rows[f"{which}cell"], rows[f"{which}variant"], strict=True)]
        for which in ("", "other_")
    )
    labels = list(dict.fromkeys([*one, *other]))
    rows = rows.assign(row=list(map(labels.index, one)), column=list(map(labels.index, other)))
    groups = list(rows.groupby(["task", "difficulty"], sort=False))
    size = min(text_width(), 2.0 + drawing.ROW_OF_DOTS * len(labels))
    canvas = drawing.canvas_of(text_width(), 0.5 + size * len(groups))
    grid = canvas.subplots(len(groups), 1, squeeze=False)[:, 0]
    scale = Normalize(-DECADES, DECADES)
    at, font = np.arange(len(labels)) + 0.5, 7 if len(labels) <= 24 else 5
    for axes, ((task, _), group) in zip(grid, groups, strict=True):
        ratios, sure = _matrix(group.to_dict("records"), len(labels))
        axes.pcolormesh(np.ma.masked_invalid(ratios), norm=scale, cmap="RdBu_r", rasterized=True)
        axes.plot(*(np.argwhere(sure).T[::-1] + 0.5), ".", color="black", markersize=2)
        axes.set_xticks(at, labels, rotation=90, fontsize=font)
        axes.set_yticks(at, labels, fontsize=font)
        axes.set(aspect="equal", title=f"{str(task).replace('_', ' ')}, {_difficulty(group.iloc[0].to_dict())}")
        axes.invert_yaxis()
        axes.set_facecolor("0.9")
        axes.grid(visible=False)
    colours = mpl.cm.ScalarMappable(scale, "RdBu_r")
    bar = canvas.colorbar(colours, ax=grid, shrink=min(1, 1 / len(groups)), extend="both")
    bar.set_label(f"ratio of {compared}, row / column")
    edge = np.log10(factor)
    bar.set_ticks([-1, -edge, 0, edge, 1], labels=["0.1", f"{1 / factor:.2g}", "1", f"{factor:g}", "10"])
    drawing.legend_above(canvas, {"95% interval leaves out 1": drawing.mark(".", 3)})
    return canvas


def _matrix(rows: list[dict[Any, Any]], size: int) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """log10 of the ratio of each cell over each other, NaN without one; and whether its interval leaves out 1."""
    ratios, sure = np.full((size, size), np.nan), np.zeros((size, size), bool)
    for row in rows:
        ratio, at = row["ratio"], (row["row"], row["column"])
        with np.errstate(divide="ignore"):
            decades = float(np.clip(np.log10(ratio.estimate), -DECADES, DECADES))
        ratios[at], ratios[at[::-1]] = decades, -decades
        sure[at] = sure[at[::-1]] = ratio.high < 1 or ratio.low > 1
    return ratios, sure


def _limits(ratios: list[Interval], factor: float) -> tuple[float, float]:
    """A range, symmetric around 1, of all finite estimates and bounds."""
    bounds = np.array([[ratio.estimate, ratio.low, ratio.high] for ratio in ratios]).ravel()
    bounds = bounds[np.isfinite(bounds) & (bounds > 0)]
    reach = float(np.exp(np.abs(np.log([*bounds, factor])).max())) * 1.25
    return 1 / reach, reach


def _difficulty(row: Mapping[Any, Any]) -> str:
    value = row["difficulty"]
    return str(value) if str(value).startswith(steps_comparison.ALL) else f"{row['difficulty_setting']} {value}"


def _title(row: Mapping[Any, Any], several: bool) -> str:
    cells = [cell_label(row[f"{which}cell"], row[f"{which}variant"], brief=True) for which in ("", "other_")]
    return f"{row['task'].replace('_', ' ')}: {' / '.join(cells)}" if several else " / ".join(cells)
