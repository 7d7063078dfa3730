"""The comparison: each cell on each task."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import comparison
from rnnbench.analysis.loss_scale import LINEAR, SCALE
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.results import Results
from rnnbench.report.component import OfMilestone, Table
from rnnbench.report.labels import bounds, interval, number, some_of, task_title, variant_label


class Comparison(OfMilestone, Table):
    """One row per task, difficulty, cell and variant.

    `milestone` chooses what success and steps are of. A task without a criterion has neither; one with another measure,
    such as accuracy, has that on test data.
    """

    title = "Comparison"
    columns: ClassVar[Mapping[str, str]] = {**comparison.COUNTS, **comparison.INTERVALS}
    intervals = (
        "95% over seeds: exact (Clopper-Pearson) for the success rate, order statistics for the Kaplan-Meier median of "
        "the steps and for other medians (five runs: 93.75%, their range), Student's of log10 for the geometric mean "
        "of the loss; (n of N): the number is of n of the N runs; at stop: the losses at which runs stopped once they "
        "had solved it, not compared; n at stop, m not solved: median and range of both, which no interval of a mean "
        "describes; shared: times taken while other work shared the machine"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return comparison.comparison(results, self.milestone)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        reached = row["milestone"].replace("_", " ")
        return {
            "task": task_title(row),
            "cell": row["cell"],
            "variant": variant_label(row["variant"]),
            "runs": _runs(row),
            reached: _success(row),
            "steps to solve" if row["milestone"] == SOLVED else f"steps to {reached}": interval(
                row["steps_to_milestone"]
            ),
            "test loss": _test_loss(row),
            **({f"test {row['measure'].replace('_', ' ')}": interval(row["test_measure"])} if row["measure"] else {}),
            "best constant": number(row["baseline_loss"]),
            "ms/step": _step_time(row),
            "backend": row["backend"],
            "parameters: recurrent layers, total": _parameters(row),
            "decades the gradient loses: initial, trained": f"{interval(row['gradient_decades_lost_initial'])}, "
            f"{interval(row['gradient_decades_lost'])}",
            "gradient half-life (steps): initial, trained": f"{_half_life(row, '_initial')}, {_half_life(row, '')}",
        }


def _success(row: Mapping[Any, Any]) -> str:
    rate = row["success_rate"]
    return "–" if math.isnan(rate.estimate) else f"{round(rate.estimate * row['runs'])}/{row['runs']} {bounds(rate)}"


def _test_loss(row: Mapping[Any, Any]) -> str:
    stopped = row["test_loss_at_stop"]
    if 0 < stopped < row["test_loss_runs"]:
        least, largest = number(row["test_loss_smallest"]), number(row["test_loss_largest"])
        counts = f"{stopped} at stop, {row['test_loss_runs'] - stopped} not solved"
        median = f"median {number(row['test_loss'].estimate)}, {least} to {largest}"
        return f"{median}{some_of(row['test_loss_runs'], row['runs'])} ({counts})"
    mark = " at stop" if stopped else ""
    if row.get(SCALE) == LINEAR:
        mark = f" arithmetic mean{mark}"
    return f"{interval(row['test_loss'])}{some_of(row['test_loss_runs'], row['runs'])}{mark}"


def _step_time(row: Mapping[Any, Any]) -> str:
    shared = " shared" if row["times_shared"] > 0 else ""
    return f"{interval(row['step_time_s'], scale=1e3)}{some_of(row['step_time_s_runs'], row['runs'])}{shared}"


def _parameters(row: Mapping[Any, Any]) -> str:
    counts = (row["parameters_recurrent_layers"], row["parameters"])
    texts = [f"{count:,.0f}" if isinstance(count, float | int) else str(count) for count in counts]
    return ", ".join(filter(None, texts))


def _half_life(row: Mapping[Any, Any], when: str) -> str:
    """The half-life, of how many runs, or why there is none."""
    name = f"gradient_half_life{when}"
    if not row[f"{name}_runs"]:
        return f"– ({why})" if (why := row[f"{name}_why"]) else "–"
    return f"{number(row[name].estimate)}{some_of(row[f'{name}_runs'], row['runs'])}"


def _runs(row: Mapping[Any, Any]) -> str:
    marks = [f"{row[kind]} {kind}" for kind in ("diverged", "failed", "unfinished") if row[kind]]
    return f"{row['runs']} ({', '.join(marks)})" if marks else str(row["runs"])
