"""Two cells against each other: the ratio of their steps to solve, or of their losses."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from rnnbench.analysis import loss_comparison
from rnnbench.analysis.intervals import UNDEFINED, Interval
from rnnbench.analysis.loss_comparison import LINEAR, SCALE
from rnnbench.analysis.results import Results
from rnnbench.analysis.steps_ratio import FACTOR
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure, Table
from rnnbench.report.labels import difficulty_label, pair_texts
from rnnbench.report.style import SMALLEST, CellStyles, text_width
from rnnbench.report.tables.paired_differences import PairedDifferences as Losses
from rnnbench.report.tables.steps_ratio import StepsRatio

TICKS = (1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 100.0, 1e3, 1e4)
MOST_PAIRS = 15


class PairedDifferences(Figure):
    """Two cells against each other on a logarithmic axis: left of 1 the cell named first is better.

    Where all runs trained equally many steps, the ratio of their losses on test data, a mean over seeds of log ratios
    with Student's 95% interval. Otherwise, since a loss at which a run stopped says when it stopped, the ratio of their
    training steps to solve the task: the ratios that a log-rank test does not reject, runs that did not solve it
    counting as censored. An arrow: the interval is open on that side. Grey: equivalent, within a factor of 1.5 of steps
    or 2 of losses.
    """

    needs = ("test_loss", "steps_to_solve", "steps_trained")
    intervals = (
        "95% over seeds: of steps, the ratios that a log-rank test does not reject, by permutation; of losses, "
        "Student's on the log ratios within seeds"
    )

    def finding(self, results: Results) -> list[str]:
        """What the tests of the pairs decide."""
        table, rows = _compared(results)
        return [" ".join(found)] if (found := table.found(rows)) else []

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        table, rows = _compared(results)
        identity = ["task", "cell", "variant", "other_cell", "other_variant"]
        groups = [group for _, group in rows.groupby(identity, sort=False)]
        if len(groups) > MOST_PAIRS:
            raise SettingError(f"needs at most {MOST_PAIRS} pairs, not {len(groups)}; choose cells by only.cell")
        columns = min(3 if text_width() > 3 * drawing.PANEL_WIDTH else 1, len(groups))
        height = 0.8 + 0.16 * max(map(len, groups)) + 0.1 / -(-len(groups) // columns)
        titles = [_title(group.iloc[0].to_dict(), rows["task"].nunique() > 1) for group in groups]
        alike = len({tuple(map(_difficulty, group.to_dict("records"))) for group in groups}) == 1
        canvas, panels = drawing.grid(titles, False, "", columns=columns, row_height=height, share=alike)
        by_steps = isinstance(table, StepsRatio)
        factor, compared = (FACTOR, "steps to solve") if by_steps else (loss_comparison.FACTOR, "test loss")
        limits = _limits(list(rows["ratio"]), factor)
        for number, (axes, group) in enumerate(zip(panels, groups, strict=True)):
            axes.axvspan(1 / factor, factor, color="0.3", alpha=0.15, linewidth=0)
            _panel(axes, group.to_dict("records"), limits, styles)
            if number + columns >= len(groups):
                axes.set_xlabel(f"ratio of {compared}")
        canvas.explained = {
            "ratio, 95% interval": drawing.handle(marker="o", markersize=4, linewidth=1.5),
            "open interval": drawing.mark("<", hollow=True),
            f"within a factor of {factor:g}": drawing.band(),
        }
        return canvas


def _compared(results: Results) -> tuple[Table, pd.DataFrame]:
    """The table that compares the cells, and its rows with their `ratio`, or `why` there is none."""
    losses = Losses().compute_rows(results)
    if losses["why_not_compared"].any():
        rows = StepsRatio().compute_rows(results)
        return StepsRatio(), rows.assign(why=rows["why_no_ratio"])
    linear = losses.get(SCALE, pd.Series("", losses.index)) == LINEAR
    ratios = losses["difference"].map(lambda each: each.map(lambda decades: 10.0 ** min(decades, 300)))
    why = linear.map({True: "losses of 0 or less have no ratio", False: ""})
    return Losses(), losses.assign(ratio=ratios.where(~linear, UNDEFINED), why=why)


def _panel(axes: Axes, rows: list[dict[Any, Any]], limits: tuple[float, float], styles: CellStyles) -> None:
    """A row for each difficulty of a pair."""
    axes.axvline(1, color="0.3", linewidth=0.8)
    axes.set(xscale="log", xlim=limits)
    for place, row in enumerate(rows):
        _interval(axes, place, row["ratio"], row["why"], styles.of(row["cell"]), limits)
    drawing.dot_rows(axes, [_difficulty(row) for row in rows])
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


def _limits(ratios: list[Interval], factor: float) -> tuple[float, float]:
    """A range, symmetric around 1, of all finite estimates and bounds."""
    bounds = np.array([[ratio.estimate, ratio.low, ratio.high] for ratio in ratios]).ravel()
    bounds = bounds[np.isfinite(bounds) & (bounds > 0)]
    reach = float(np.exp(np.abs(np.log([*bounds, factor])).max())) * 1.25
    return 1 / reach, reach


def _difficulty(row: Mapping[Any, Any]) -> str:
    return difficulty_label(row["difficulty_setting"], row["difficulty"])


def _title(row: Mapping[Any, Any], several: bool) -> str:
    cells = "{cell} / {other cell}".format(**pair_texts(row))
    return f"{row['task'].replace('_', ' ')}: {cells}" if several else cells
