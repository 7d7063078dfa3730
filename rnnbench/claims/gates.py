"""Claims on what the gates do: true by construction, and checked on the code."""

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import holds_if
from rnnbench.claims.claim import Case, Claim, Kind
from rnnbench.claims.selection import select, with_values

COPIES_AT = {"gru": 0.0, "gru_goodfellow": 1.0}
"""The update gate's value at which each form copies its state, by the notes: the newer form's gate is the fraction of
the new state that is taken, gru_goodfellow's the fraction of the old one that is kept."""
FORMS = list(COPIES_AT)
KEPT = "update_gate_leakage"
ROUNDING = 1e-6


def _convex(results: Results) -> list[Case]:
    runs = with_values(select(results, {"cell": FORMS}), "largest_h_random_weights")
    random = float(runs["largest_h_random_weights"].max())
    histories = results.source.histories(runs["run"].tolist())
    seen = histories["largest_h"].dropna() if "largest_h" in histories else pd.Series(dtype=float)
    training = float(seen.max()) if len(seen) else float("nan")
    largest = Interval(float(np.nanmax([random, training])))
    details = {"random_weights": random, "while_training": training}
    return [Case({}, holds_if(largest.estimate <= 1 + ROUNDING), largest, "largest |h|", details=details)]


def _update_one(results: Results) -> list[Case]:
    runs = with_values(select(results, {"cell": FORMS}), "update_gate_copy_value")
    cases = []
    for cell, group in runs.groupby("cell", sort=False):
        copies, kept = (float(group[column].max()) for column in ("update_gate_copy_error", KEPT))
        at = group["update_gate_copy_value"]
        exact = copies <= ROUNDING and kept <= ROUNDING
        details = {"copies_at": float(at.iloc[0]), "copy_error": copies, "kept_at_the_other_value": kept}
        verdict = holds_if(bool(exact and (at == COPIES_AT[str(cell)]).all()))
        cases.append(
            Case({"cell": str(cell)}, verdict, Interval(max(copies, kept)), "larger of both errors", details=details)
        )
    return cases


def _reset_ignores(results: Results) -> list[Case]:
    runs = with_values(select(results, {"cell": FORMS}), "reset_gate_state_effect")
    cases = []
    for cell, group in runs.groupby("cell", sort=False):
        at_0 = float(group["reset_gate_state_effect"].max())
        details = {"at_least_at_1": float(group["reset_gate_state_effect_opposite"].min())}
        verdict = holds_if(bool(at_0 <= ROUNDING and (group["reset_gate_ignore_value"] == 0).all()))
        cases.append(Case({"cell": str(cell)}, verdict, Interval(at_0), "difference of states", details=details))
    return cases


CONVEX = Claim(
    "convex",
    "The state is a convex combination of the old state and a bounded candidate, so it stays bounded.",
    "000, 004",
    Kind.BY_CONSTRUCTION,
    "largest |h| of any unit: over 100 steps with weights drawn from N(0, s²), s from 0.1 to 100, and on the probe "
    "batch while training",
    "at most 1, to rounding",
    _convex,
)
UPDATE_ONE = Claim(
    "update-one",
    "Update gate 1 keeps nothing of the old state, gate 0 copies it; in 004 the other way round.",
    "002, 004",
    Kind.BY_CONSTRUCTION,
    "update gate held at 0 and 1: |h' - h| where it copies, fraction of h kept at the other value",
    "for each form both are 0 to rounding, and the values are those of its notes",
    _update_one,
)
RESET_IGNORES = Claim(
    "reset-ignores",
    "Reset gate 0 makes the candidate ignore the past.",
    "002, 004",
    Kind.BY_CONSTRUCTION,
    "reset gate held at 0 and 1, update gate all new: difference between the next states from two old states",
    "for each form the difference is 0 to rounding at 0",
    _reset_ignores,
)
