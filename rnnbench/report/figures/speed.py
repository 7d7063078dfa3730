"""Time of a forward and backward pass by each implementation, against a torch.mm loop and against torch.nn."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter

from rnnbench.analysis import speed
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import TEXT_WIDTH, CellStyles, legend_above

MARKERS = {"fused": "o", "torch": "s", "eager": "^", "torch_nn": "x"}
SIZE = {"hidden_size": "H", "steps": "T", "batch": "B", "threads": "threads"}
QUANTITIES = {
    "time_over_torch_mm": "time / time of the torch.mm loop",
    "speedup_over_torch_nn": "speed-up over torch.nn",
}


class Speed(Figure):
    """Time of a forward and backward pass of each cell by each implementation, one row per size.

    Left: over the time of the cell's matrix products alone, in a loop of torch.mm. Right: speed-up over the module of
    torch.nn, which is nn.GRU for every GRU. All are medians over repetitions that were interleaved in one process;
    `fused` computes the gradient through time as well. T: time steps, B: batch size, H: hidden units.
    """

    needs = tuple(speed.SIZES.values())

    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        table = speed.speeds(results.runs)
        table = table[table["implementation"].isin(MARKERS)]
        if table.empty:
            raise SettingError("needs timed passes, which no run has; add probe=[speed]")
        sizes = [(dict(zip(SIZE, key, strict=True)), group) for key, group in table.groupby(list(SIZE))]
        cells = table["cell"].nunique()
        canvas = Canvas(figsize=(TEXT_WIDTH, 0.5 + (0.55 + 0.17 * cells) * len(sizes)), layout="constrained")
        grid = canvas.subplots(len(sizes), 2, squeeze=False, sharex="col", sharey="row")
        for axes_of_row, (size, of_size) in zip(grid, sizes, strict=True):
            for axes, quantity in zip(axes_of_row, QUANTITIES, strict=True):
                self._panel(axes, of_size, quantity, styles)
            axes_of_row[0].set_title(", ".join(f"{SIZE[name]} {size[name]}" for name in size), loc="left")
        for axes, label in zip(grid[-1], QUANTITIES.values(), strict=True):
            axes.set_xlabel(label)
        legend_above(canvas)
        return canvas

    def _panel(self, axes: Axes, rows: pd.DataFrame, quantity: str, styles: CellStyles) -> None:
        cells = styles.ordered(rows["cell"].unique())
        axes.axvline(1, color="0.3", linewidth=0.8)
        for implementation, marker in MARKERS.items():
            group = rows[rows["implementation"] == implementation]
            if group.empty:
                continue
            places = group["cell"].map(cells.index)
            colours = [styles.of(cell)["color"] for cell in group["cell"]]
            axes.scatter(group[quantity], places, s=26, marker=marker, color=colours)
            axes.scatter([], [], s=26, marker=marker, color="0.3", label=implementation.replace("_", "."))
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(_ratio))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(ylim=(len(cells) - 0.5, -0.5), yticks=range(len(cells)), yticklabels=cells)


def _ratio(value: float, _: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"
