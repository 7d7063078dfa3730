"""Losses on test data, and cell against cell by them, seed by seed and only at equal budgets.

They are compared by their logarithms, by which a difference is a ratio and no bound is negative. A loss of 0 or less,
as a log likelihood of densities can be, has none: losses of such a task have arithmetic means and plain differences.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray

from rnnbench.analysis.cell_pairs import by_difficulty, cell_pairs, corrected
from rnnbench.analysis.intervals import (
    UNDEFINED,
    Interval,
    improvement_interval,
    is_degenerate,
    margin_p_value,
    mean_interval,
    paired_test,
)
from rnnbench.analysis.milestones import budgets, trained_runs
from rnnbench.analysis.results import numbers
from rnnbench.analysis.verdict import Verdict, below, within
from rnnbench.schema import TASK_GROUP, Status

LOSSES = ("test_loss", "validation_loss", "test_baseline_loss", "baseline_loss")
BASELINE = "test_baseline_loss"
LINEAR, SCALE = "linear", "loss_scale"
SCALES = {
    SCALE: "only where a task has losses of 0 or less, which have no logarithm: `linear` for such a task, whose means "
    "and differences are of the losses themselves, else empty"
}
"""A column of tables."""


def is_logarithmic(runs: pd.DataFrame) -> "pd.Series[bool]":
    """Whether the losses of each run's task are all above 0."""
    above = ~pd.DataFrame({column: numbers(runs, column) <= 0 for column in LOSSES}, runs.index).any(axis=1)
    return above.groupby(runs["task"]).transform("all")


def with_scale(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The table with the column SCALE, where a task of the runs is linear."""
    linear = set(runs.loc[~is_logarithmic(runs), "task"])
    if not linear or table.empty:
        return table
    return table.assign(**{SCALE: [LINEAR if task in linear else "" for task in table["task"]]})


def mean_loss(losses: NDArray[np.float64], logarithmic: bool) -> Interval:
    """The geometric mean with Student's interval of log10, or the arithmetic one with Student's; inf with an infinite
    loss."""
    if np.isinf(losses).any():
        return Interval(np.inf)
    if not losses.size or not logarithmic:
        return mean_interval(losses)
    with np.errstate(over="ignore"):  # two runs that differ widely have a bound beyond all numbers
        return mean_interval(np.log10(losses)).map(lambda bound: float(np.power(10.0, bound)))


def baselines(runs: pd.DataFrame) -> "pd.Series[float]":
    """The loss of the best constant on each run's own test data where that was recorded, else its expectation;
    NaN for a task without one."""
    return numbers(runs, BASELINE).fillna(numbers(runs, "baseline_loss"))


def loss_differences(
    losses_a: Float[np.ndarray, " pairs"], losses_b: Float[np.ndarray, " pairs"], logarithmic: bool = True
) -> NDArray[np.float64]:
    """log10 losses of a minus those of b, in decades: inf where a diverged, -inf where b did, 0 where both did.

    Where not `logarithmic`, the losses themselves.
    """
    a, b = (np.log10(losses) if logarithmic else losses for losses in (losses_a, losses_b))
    both = np.isposinf(a) & np.isposinf(b)
    return np.asarray(np.where(both, 0, a) - np.where(both, 0, b))


FACTOR = 2.0
"""Losses within this factor of each other count as equivalent; a convention."""

DIFFERENCES: dict[str, str] = {
    "pairs": "seeds that both cells have, diverged and failed runs included: their loss counts as infinite",
    "diverged_or_failed": "runs of the cell at these seeds that diverged or failed",
    "other_diverged_or_failed": "the same of the other cell",
    "decades": "median over these seeds of log10(loss / loss of the constant predictor on the same test data) of the "
    "cell: 0 has learned nothing, -2 is a hundredth of that loss; empty where that predictor was not recorded",
    "other_decades": "the same of the other cell",
    "difference": "mean over the seeds of log10 of the cell's loss minus that of the other's, in decades, negative "
    "when the cell's is smaller; with infinite losses the median. The predictor's loss is the same for both "
    "and cancels",
    "p_value": "Student's, of the difference being 0; by flipping signs where differences all agree, and of ranks with "
    "infinite losses",
    "p_holm": "the same by Holm's correction for all rows of the table",
    "p_sign_flip": "by flipping the signs of the differences, exact for any symmetric ones; at least 0.0625 at five "
    "seeds",
    "smaller_loss": "verdict at 5%, after the correction, that the cell's loss is smaller",
    "equivalent": f"verdict at 5%, after the correction: equivalent, where the whole interval is within a factor of "
    f"{FACTOR:g}; differs by more, where all of it is beyond; differs, where p_holm is at most 0.05 and the interval "
    "crosses the factor; not seen, where no difference is",
    "equivalent_p_holm": "the larger p-value of the mean being that factor or one over it, by the same correction: "
    "small where it is equivalent and where it differs by more",
    "probability_of_improvement": "probability that a run of the cell has a smaller loss than one of the other, of any "
    "seeds, ties counting one half, with Newcombe's interval",
    "why_not_compared": "why there is no comparison",
    **SCALES,
}


def loss_comparison(runs: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """One row per pair of cells and difficulty: the pair and DIFFERENCES, `difference` and
    `probability_of_improvement` as `Interval`, the verdicts as text. Empty without two cells on one task."""
    rows: list[dict[str, Any]] = []
    trained = trained_runs(runs)
    logarithmic = dict(zip(trained["task"], is_logarithmic(trained), strict=True))
    for pair in cell_pairs(trained):
        is_log = bool(logarithmic[pair[0]["task"]])
        rows += [_compare(*at_one, generator, is_log) for at_one in by_difficulty(pair)]
    return with_scale(pd.DataFrame(corrected(rows, "smaller_loss")), trained)


def losses_of(runs: pd.DataFrame) -> NDArray[np.float64]:
    """The loss on test data of each run, inf for one that diverged or failed; NaN where a finished run has none."""
    return np.asarray(numbers(runs, "test_loss").where(runs["status"] == Status.DONE, np.inf), dtype=np.float64)


def budgets_trained(runs: pd.DataFrame) -> NDArray[np.float64]:
    """The steps behind each loss: those trained; the budget where a run diverged or failed, or ended by patience, by
    which its loss is that of the best weights within the budget."""
    whole = (runs["status"] == Status.DONE) & (runs.get("training_ended_by", "") != "patience")
    return np.where(whole.to_numpy(), numbers(runs, "steps_trained").to_numpy(float), budgets(runs))


def has_equal_budgets(runs: pd.DataFrame) -> bool:
    """Whether all runs of each task trained equally many steps, so that their losses compare."""
    return bool((runs.assign(budget=budgets_trained(runs)).groupby(TASK_GROUP)["budget"].nunique() == 1).all())


def relative_losses(runs: pd.DataFrame) -> NDArray[np.float64]:
    """Loss on test data over the best constant's, on the same data where that was recorded; of a task without
    one, or with losses that are not above 0, the loss itself; inf for no loss."""
    losses = losses_of(runs)
    references = baselines(runs).where(is_logarithmic(runs)).fillna(1.0).to_numpy()
    return np.asarray(np.where(np.isnan(losses), np.inf, losses) / references)


def _compare(
    names: dict[str, Any], a: pd.DataFrame, b: pd.DataFrame, generator: np.random.Generator, logarithmic: bool
) -> dict[str, Any]:
    a, b = a.set_index("seed").align(b.set_index("seed"), join="inner", axis=0)
    have = ~(np.isnan(losses_of(a)) | np.isnan(losses_of(b)))
    a, b = a[have], b[have]
    reason = _why_not(a, b)
    row = names | {
        "pairs": len(a),
        "diverged_or_failed": int((a["status"] != Status.DONE).sum()),
        "other_diverged_or_failed": int((b["status"] != Status.DONE).sum()),
        "decades": median_decades(a, numbers(a, BASELINE)) if logarithmic else np.nan,
        "other_decades": median_decades(b, numbers(b, BASELINE)) if logarithmic else np.nan,
        "why_not_compared": reason,
    }
    if reason:
        nothing = dict.fromkeys(("p_value", "p_holm", "p_sign_flip", "equivalent_p_holm"), np.nan)
        verdicts = dict.fromkeys(("smaller_loss", "equivalent"), Verdict.NOT_MEASURED)
        return row | nothing | verdicts | {"difference": UNDEFINED, "probability_of_improvement": UNDEFINED}
    losses = losses_of(a), losses_of(b)
    differences = loss_differences(*losses, logarithmic)
    test = paired_test(differences, generator)
    # Differences that all agree have no spread to judge by: no interval, and no p-value of Student's.
    agree = np.isfinite(test.interval.estimate) and is_degenerate(test.interval)
    p_value = test.p_sign_flip if agree else test.p_value
    margin = float(np.log10(FACTOR))
    equivalent = Verdict.UNDECIDED if agree else within(test.interval, -margin, margin)
    return row | {
        "difference": test.interval,
        "p_value": p_value,
        "p_holm": p_value,
        "p_sign_flip": test.p_sign_flip,
        "smaller_loss": Verdict.UNDECIDED if agree else below(test.interval),
        "equivalent": equivalent if logarithmic else Verdict.NOT_MEASURED,
        "equivalent_p_holm": margin_p_value(differences, margin, generator) if logarithmic and not agree else np.nan,
        "probability_of_improvement": improvement_interval(losses[1], losses[0]),
    }


def _why_not(a: pd.DataFrame, b: pd.DataFrame) -> str:
    if not len(a):
        return "no seed in common"
    steps = np.concatenate([budgets_trained(a), budgets_trained(b)])
    if steps.min() != steps.max():
        return f"trained {steps.min():,.0f} to {steps.max():,.0f} steps"
    return ""


def median_decades(runs: pd.DataFrame, baseline: "pd.Series[float]") -> float:
    """The median of log10(loss / baseline loss); inf where half of the runs or more diverged or failed, NaN where a
    finished run has no baseline."""
    losses = losses_of(runs)
    if not len(runs) or baseline[np.isfinite(losses)].isna().any():
        return np.nan
    return float(np.median(np.log10(losses) - np.log10(baseline.fillna(1.0))))
