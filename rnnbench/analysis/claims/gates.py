"""Claims on what the gates do."""

import numpy as np
import pandas as pd

from rnnbench.analysis.claims.claim import Case, Claim, Finding
from rnnbench.analysis.claims.selection import difficulties, select, with_values
from rnnbench.analysis.intervals import Interval, median_interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict, above, holds_if

COPIES_AT = {"gru": 0.0, "gru_goodfellow": 1.0}
"""The update gate's value at which each form copies its state, by the notes: the newer form's gate is the fraction of
the new state that is taken, gru_goodfellow's the fraction of the old one that is kept."""
FORMS = list(COPIES_AT)
KEPT = "update_gate_leakage"
QUARTILES = {"lower_quartile": "_lower_quartile", "median": "", "upper_quartile": "_upper_quartile"}
ROUNDING = 1e-6
SPREAD = 2.0


def _convex(results: Results) -> Finding:
    runs = with_values(select(results, {"cell": FORMS}), "largest_h_random_weights")
    random = float(runs["largest_h_random_weights"].max())
    histories = results.source.histories(runs["run"].tolist())
    seen = histories["largest_h"].dropna() if "largest_h" in histories else pd.Series(dtype=float)
    training = float(seen.max()) if len(seen) else float("nan")
    largest = Interval(float(np.nanmax([random, training])))
    evidence = {"random_weights": random, "while_training": training, "measurements_while_training": len(seen)}
    return Finding(largest, runs, (Case({}, holds_if(largest.estimate <= 1 + ROUNDING), largest, evidence),))


def _update_one(results: Results) -> Finding:
    runs = with_values(select(results, {"cell": FORMS}), "update_gate_copy_value")
    cases = []
    for cell, group in runs.groupby("cell", sort=False):
        copies, kept = (float(group[column].max()) for column in ("update_gate_copy_error", KEPT))
        at = group["update_gate_copy_value"]
        exact = copies <= ROUNDING and kept <= ROUNDING
        evidence = {"copies_at": float(at.iloc[0]), "copy_error": copies, "kept_at_the_other_value": kept}
        verdict = holds_if(bool(exact and (at == COPIES_AT[str(cell)]).all()))
        cases.append(Case({"cell": str(cell)}, verdict, Interval(max(copies, kept)), evidence))
    return Finding(Interval(max(case.value.estimate for case in cases)), runs, tuple(cases))


def _reset_ignores(results: Results) -> Finding:
    runs = with_values(select(results, {"cell": FORMS}), "reset_gate_state_effect")
    cases = []
    for cell, group in runs.groupby("cell", sort=False):
        at_0 = float(group["reset_gate_state_effect"].max())
        at_1 = float(group["reset_gate_state_effect_opposite"].min())
        verdict = holds_if(bool(at_0 <= ROUNDING and (group["reset_gate_ignore_value"] == 0).all()))
        cases.append(Case({"cell": str(cell)}, verdict, Interval(at_0), {"at_least_at_1": at_1}))
    return Finding(Interval(max(case.value.estimate for case in cases)), runs, tuple(cases))


def _time_scales(results: Results) -> Finding:
    runs = select(results, {"cell": "gru"})
    runs = with_values(runs[runs["train.steps"] > 0], "time_constant_upper_quartile")
    cases = []
    for length, group in difficulties(runs):
        ratio = group["time_constant_upper_quartile"] / group["time_constant_lower_quartile"]
        spread = median_interval(ratio.to_numpy())
        verdict = above(spread, SPREAD)
        if np.isnan(spread.low):
            verdict = Verdict.HOLDS if (ratio > SPREAD).all() else Verdict.UNDECIDED
        initial = group["time_constant_upper_quartile_initial"] / group["time_constant_lower_quartile_initial"]
        evidence = {"before_training": float(initial.median())} | {
            name: float(group[f"time_constant{column}"].median()) for name, column in QUARTILES.items()
        }
        cases.append(Case(length, verdict, spread, evidence))
    return Finding(cases[0].value, runs, tuple(cases))


CONVEX = Claim(
    "convex",
    "The state is a convex combination of the old state and a bounded candidate, so it stays bounded.",
    "000, 004",
    "largest |h| of any unit: over 100 steps with weights drawn from N(0, s²), s from 0.1 to 100, and on the probe "
    "batch while training",
    "holds when it is at most 1, to rounding",
    "largest |h|",
    _convex,
)
UPDATE_ONE = Claim(
    "update-one",
    "Update gate 1 keeps nothing of the old state, gate 0 copies it; in 004 the other way round.",
    "002, 004",
    "update gate held at 0 and 1: |h' - h| where it copies, fraction of h kept at the other value",
    "holds for a form when both are 0 to rounding and the values are those of its notes",
    "larger of the two errors",
    _update_one,
    "the form",
)
RESET_IGNORES = Claim(
    "reset-ignores",
    "Reset gate 0 makes the candidate ignore the past.",
    "002, 004",
    "reset gate held at 0 and 1, update gate all new: difference between the next states from two old states",
    "holds for a form when the difference is 0 to rounding at 0",
    "difference at 0",
    _reset_ignores,
    "the form",
)
TIME_SCALES = Claim(
    "time-scales",
    "Units learn different time scales.",
    "002, 004",
    "time constants -1/log(1 - z) of the units after training: upper quartile over lower, median over runs",
    f"holds at a length where the interval is above {SPREAD:g} (with fewer than 5 runs, where all are)",
    "ratio of quartiles, shortest length",
    _time_scales,
    "the length",
)
