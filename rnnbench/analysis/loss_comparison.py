"""Cell against cell by the loss on test data, seed by seed, on the log scale and only at equal budgets."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnbench.analysis.cell_pairs import CellPair, cell_pairs
from rnnbench.analysis.intervals import UNDEFINED, improvement_interval, is_degenerate
from rnnbench.analysis.loss_scale import (
    BASELINE,
    SCALES,
    baselines,
    decades_over_baseline,
    is_logarithmic,
    loss_differences,
    with_scale,
)
from rnnbench.analysis.milestones import budgets, trained_runs
from rnnbench.analysis.paired import margin_p_value, paired_test
from rnnbench.analysis.verdict import (
    EQUIVALENCE,
    Verdict,
    below,
    equivalences_corrected,
    holm_corrected,
    within_margin,
)
from rnnbench.schema import TASK_GROUP, Status

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
        is_log = bool(logarithmic[pair.task])
        rows += [_compare(pair, *of_one, generator, is_log) for of_one in pair.by_difficulty()]
    return with_scale(pd.DataFrame(_corrected(rows)), trained)


def losses_of(runs: pd.DataFrame) -> NDArray[np.float64]:
    """The loss on test data of each run, inf for one that diverged or failed; NaN where a finished run has none."""
    losses = pd.to_numeric(runs["test_loss"]).to_numpy(float)
    return np.where((runs["status"] == Status.DONE).to_numpy(), losses, np.inf)


def budgets_trained(runs: pd.DataFrame) -> NDArray[np.float64]:
    """The steps behind each loss: those trained; the budget where a run diverged or failed, or ended by patience.

    Early stopping is part of a protocol that both cells follow, and its loss is that of the best weights within the
    budget. A run that ended because it had solved the task has the loss at which it stopped.
    """
    trained, planned = pd.to_numeric(runs["steps_trained"]).to_numpy(float), budgets(runs)
    ended_by = runs["training_ended_by"] if "training_ended_by" in runs else pd.Series("", index=runs.index)
    whole = (runs["status"] == Status.DONE) & (ended_by != "patience")
    return np.where(whole.to_numpy(), trained, planned)


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
    pair: CellPair, difficulty: Any, a: pd.DataFrame, b: pd.DataFrame, generator: np.random.Generator, logarithmic: bool
) -> dict[str, Any]:
    """One row, its verdicts and p-values before any correction."""
    a, b = a.set_index("seed").align(b.set_index("seed"), join="inner", axis=0)
    have = ~(np.isnan(losses_of(a)) | np.isnan(losses_of(b)))
    a, b = a[have], b[have]
    reason = _why_not(a, b)
    row = pair.identity(difficulty) | {
        "pairs": len(a),
        "diverged_or_failed": int((a["status"] != Status.DONE).sum()),
        "other_diverged_or_failed": int((b["status"] != Status.DONE).sum()),
        "decades": _decades(a) if logarithmic else np.nan,
        "other_decades": _decades(b) if logarithmic else np.nan,
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
    equivalent = Verdict.UNDECIDED if agree else within_margin(test.interval, margin)
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
    """Why losses of these runs cannot be compared; empty when they can."""
    if not len(a):
        return "no seed in common"
    steps = np.concatenate([budgets_trained(a), budgets_trained(b)])
    if steps.min() != steps.max():
        return f"trained {steps.min():,.0f} to {steps.max():,.0f} steps"
    return ""


def _decades(runs: pd.DataFrame) -> float:
    """The median of log10(loss / constant predictor's); inf where half of the runs or more diverged or failed."""
    if BASELINE not in runs or not len(runs):
        return np.nan
    baselines = pd.to_numeric(runs[BASELINE]).to_numpy(float)
    losses = losses_of(runs)
    if np.isnan(baselines[np.isfinite(losses)]).any():
        return np.nan
    return float(np.median(decades_over_baseline(losses, np.where(np.isnan(baselines), 1.0, baselines))))


def _corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with Holm's correction for those of them that were tested, and the verdicts as text."""
    p_values = [row["p_value"] for row in rows]
    tested = [Verdict.NOT_MEASURED if np.isnan(row["p_value"]) else row["smaller_loss"] for row in rows]
    smaller = holm_corrected(tested, p_values)
    p_margins = [row["equivalent_p_holm"] for row in rows]
    # Differences that all agree have a p-value by sign flips alone, which does not know their size.
    p_none = np.where(np.isnan(p_margins), np.nan, p_values).tolist()
    equivalent, _ = equivalences_corrected([row["equivalent"] for row in rows], p_margins, p_none)
    return [
        row
        | {"p_holm": float(p_value), "smaller_loss": verdict.value}
        | {"equivalent": EQUIVALENCE[is_equivalent], "equivalent_p_holm": float(p_margin)}
        for row, p_value, verdict, is_equivalent, p_margin in zip(
            rows, smaller.p_values, smaller.verdicts, *equivalent, strict=True
        )
    ]
