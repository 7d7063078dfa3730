"""Loss on validation data against training steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rnnbench.analysis.loss_comparison import has_equal_budgets
from rnnbench.analysis.milestones import has_criterion, trained_runs
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import cell_label, loss_name, number
from rnnbench.report.style import CellStyles, marked
from rnnbench.schema import Status

AXES = {"steps": "training step", "seconds": "training time (s)"}
"""By what the axis counts."""
AXES_IN_WORDS = {"steps": "training steps", "seconds": "training time"}
EARLY = 0.1
"""Of the training: the losses before it set no range."""
MOST_NAMED = 6
"""Lines that the caption names for each task."""
LOGARITHMIC = 3
"""The ratio of the largest to the smallest loss from which on the axis is logarithmic."""
CARRIED: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.7, "marker": "none"}


class LearningCurves(Figure):
    """Loss on validation data against training steps or training time.

    Lines are medians over seeds, thin lines the seeds, of ten seeds and more bands their quartiles. A run that
    stopped early keeps its last value, so that each point is over all seeds; the line of medians is thin from where
    the first run stopped. Losses of the first tenth of training may lie beyond the axis. The best constant, where
    the task has one, is the best answer that looks at no input.

    `x` is what the axis counts: steps, or seconds, a run's steps times its mean time per step.
    """

    def __init__(
        self, only: Mapping[str, Sequence[Any]] | None = None, x: Literal["steps", "seconds"] = "steps"
    ) -> None:
        super().__init__(only)
        self.x = x

    def draw_panels(self, results: Results, styles: CellStyles) -> drawing.Canvas:
        histories = results.histories()
        if "validation_loss" not in histories:
            raise SettingError("needs histories with validation losses, which no run has")
        histories = histories.dropna(subset="validation_loss")
        rows = drawing.line_panels(results.runs, styles)
        many = drawing.has_many_cells(results.runs)
        loss = f"validation {loss_name(results.runs['task'].unique())}"
        share = results.runs["task"].nunique() == 1 and len(rows) > 1
        canvas, panels = drawing.grid([title for title, _ in rows], many, AXES[self.x], loss, share=share)
        # panels that share their axis have one scale
        logarithmic = not (many or share) or not (histories["validation_loss"] <= 0).any()
        limits = []
        for axes, (_, lines) in zip(panels, rows, strict=True):
            drawn = [(*line, losses) for line in lines if not (losses := _losses(histories, line[1]["run"])).empty]
            if not drawn:
                drawing.say_empty(axes, "no run has a history")
                continue
            self._panel(axes, drawn, len(results.runs) <= drawing.MOST_DOTS)
            limits.append(_limits([losses for *_, losses in drawn], _baseline(lines)))
            positive = logarithmic and limits[-1][0] > 0
            _set_limits(axes, limits if share or many else limits[-1:], positive)
        return canvas

    def caption(self, results: Results) -> list[str]:
        what, *rest = super().caption(results)
        return [what.replace("training steps or training time", AXES_IN_WORDS[self.x], 1), *rest]

    def finding(self, results: Results) -> list[str]:
        """Of runs that train equally long, the medians at the end, the smallest first; of others, whose last loss says
        when they stopped, how many solved the task."""
        runs = trained_runs(results.runs)
        if "validation_loss" not in runs or (runs := runs.dropna(subset="validation_loss")).empty:
            return []
        sentences, equal = [], has_equal_budgets(runs)
        runs = runs if equal else runs[has_criterion(runs)]
        for title, of_task in drawing.by_task(runs):
            groups = of_task.groupby(["cell", "variant"], sort=False)
            values = groups["validation_loss"].median().sort_values(kind="stable") if equal else (
                groups["solved"].mean().sort_values(ascending=False, kind="stable"))  # fmt: skip
            rows = zip(values.index.tolist(), values, groups.size()[values.index], strict=True)
            texts = [
                f"{cell_label(of[0], of[1], True)} {number(value) if equal else f'{round(value * count)} of {count}'}"
                for of, value, count in rows
            ]
            rest = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
            sentences.append(f"{title}: {', '.join(texts[:MOST_NAMED])}{rest}")
        what = "Median loss at the end of training" if equal else "Runs that solved the task"
        return [f"{what}: {'; '.join(sentences)}."] if sentences else []

    def _panel(self, axes: Axes, drawn: list[tuple[Any, ...]], dots: bool) -> None:
        """Draw a panel, `dots` for runs that stopped."""
        for label, group, style, losses in drawn:
            per_step = _seconds_per_step(group) if self.x == "seconds" else 1.0
            whole = losses.ffill()
            stopped = int(losses.notna().iloc[::-1].idxmax().min())
            median = whole.median(axis=1)
            before, after = median[:stopped], median[stopped:]
            axes.plot(before.index * per_step, before, label=label, **marked(style, len(before)))
            if stopped < whole.index[-1]:
                axes.plot(after.index * per_step, after, **{**style, **CARRIED})
                drawing.canvas_of(axes).explained["some stopped: last values kept"] = drawing.handle(**CARRIED)
            drawing.draw_seeds(axes, whole.index * per_step, losses, style["color"])
            _mark_the_ends(axes, group, losses, style["color"], per_step, dots)
        for level in _baseline([line[:3] for line in drawn]):
            look: dict[str, Any] = {"color": "0.3", "linewidth": 0.8, "linestyle": (0, (2, 2)), "zorder": 1}
            axes.axhline(level, label="best constant", **look)
        most = drawing.numbers_along(axes, f"{axes.get_xlim()[1]:,.0f}")
        axes.xaxis.set_major_locator(MaxNLocator(most, integer=self.x == "steps", steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter("{x:,.0f}" if self.x == "steps" else "{x:,g}")


def _baseline(lines: list[drawing.Line]) -> list[float]:
    """The losses of the best constant, where a panel's runs have one; several where settings of their task differ."""
    known = pd.concat([group.get("baseline_loss", pd.Series(dtype=float)) for _, group, _ in lines]).dropna()
    return sorted({float(loss) for loss in known})


def _limits(losses: list[pd.DataFrame], levels: Iterable[float]) -> tuple[float, float]:
    """The range of losses to be seen: of medians from EARLY of the training on, and the levels close to them.

    Before that, all cells fall from where they start; that fall would take most of the axis, as would far levels.
    """
    low = min([float(each.min().min()) for each in losses])
    late = [each.ffill()[each.index >= max(1, EARLY * each.index[-1])].median(axis=1).max() for each in losses]
    high = max([*late, low])
    near = [level for level in levels if low - (high - low) <= level <= high + (high - low)]
    return min([low, *near]), max([high, *near])


def _set_limits(axes: Axes, limits: list[tuple[float, float]], logarithmic: bool) -> None:
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    logarithmic = logarithmic and high > LOGARITHMIC * low
    margin = (high / low) ** 0.06 if logarithmic else 0.06 * (high - low) or 1.0
    axes.set_ylim((low / margin, high * margin) if logarithmic else (low - margin, high + margin))
    if logarithmic:
        drawing.log_axis(axes)


def _seconds_per_step(runs: pd.DataFrame) -> float:
    """Median over the runs of their mean time of a training step."""
    if "training_time_s" not in runs:
        raise SettingError("needs training_time_s, which no run has; set x=steps")
    return float((runs["training_time_s"] / runs["steps_trained"].where(runs["steps_trained"] > 0)).median())


def _losses(histories: pd.DataFrame, runs: "pd.Series[str]") -> pd.DataFrame:
    """Steps x runs, NaN where a run was not evaluated."""
    own = histories[histories["run"].isin(runs)]
    return own.pivot_table(index="step", columns="run", values="validation_loss")


def _mark_the_ends(
    axes: Axes, group: pd.DataFrame, losses: pd.DataFrame, colour: Any, per_step: float, dots: bool
) -> None:
    """A cross where a run diverged, a dot where one stopped as solved."""
    step, loss = losses.notna().iloc[::-1].idxmax(), losses.ffill().iloc[-1]
    runs = group.set_index("run").loc[losses.columns]
    diverged = runs["status"] == Status.DIVERGED
    solved = dots & ~diverged & runs["solved"].astype(bool) & (step < losses.index[-1])
    for label, marker, those in (("diverged", "x", diverged), ("stopped: solved", ".", solved)):
        if those.any():
            drawing.canvas_of(axes).explained[label] = drawing.mark(marker, 5)
            axes.plot(step[those] * per_step, loss[those], marker, color=colour, markersize=5)
