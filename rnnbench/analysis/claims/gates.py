"""Claims on what the gates do."""

import numpy as np
import pandas as pd

from rnnbench.analysis.claims.claim import Claim, Finding, above, in_words, measured, select, verdict
from rnnbench.analysis.intervals import Interval, median_interval
from rnnbench.analysis.results import Results

FORMS = {"gru": "gru", "gru_goodfellow": "gru_goodfellow (gate is the share of the old)"}
ROUNDING = 1e-6
SPREAD = 2.0


def _convex(results: Results) -> Finding:
    runs = measured(select(results, cell=list(FORMS)), "largest_h_random_weights")
    random = float(runs["largest_h_random_weights"].max())
    histories = results.source.histories(runs["run"].tolist())
    seen = histories["largest_h"].dropna() if "largest_h" in histories else pd.Series(dtype=float)
    training = float(seen.max()) if len(seen) else float("nan")
    largest = float(np.nanmax([random, training]))
    details = [
        f"random weights: {random:.7g}",
        f"while training: {training:.7g} over {len(seen)} measurements",
        "bound: 1, that of tanh and sigmoid",
    ]
    return Finding(Interval(largest), runs, "holds" if largest <= 1 + ROUNDING else "fails", details)


def _update_one(results: Results) -> Finding:
    runs = measured(select(results, cell=list(FORMS)), "update_gate_copy_value")
    cases, details = {}, []
    for cell, group in runs.groupby("cell", sort=False):
        copies, kept = group["update_gate_copy_error"].max(), group["update_gate_leakage"].max()
        at = group["update_gate_copy_value"].iloc[0]
        expected = 1.0 if cell == "gru_goodfellow" else 0.0
        cases[f"for {cell}"] = bool(
            copies <= ROUNDING and kept <= ROUNDING and (group["update_gate_copy_value"] == expected).all()
        )
        details.append(f"{FORMS[str(cell)]}: copies at {at:g} to {copies:.2g}, keeps {kept:.2g} at {1 - at:g}")
    error = runs[["update_gate_copy_error", "update_gate_leakage"]].to_numpy().max()
    return Finding(Interval(float(error)), runs, verdict(cases, "the form"), details)


def _reset_ignores(results: Results) -> Finding:
    runs = measured(select(results, cell=list(FORMS)), "reset_gate_state_effect")
    cases, details = {}, []
    for cell, group in runs.groupby("cell", sort=False):
        left, other = group["reset_gate_state_effect"].max(), group["reset_gate_state_effect_opposite"].min()
        cases[f"for {cell}"] = bool(left <= ROUNDING and (group["reset_gate_ignore_value"] == 0).all())
        details.append(f"{cell}: {left:.2g} at 0, at least {other:.2g} at 1")
    return Finding(Interval(float(runs["reset_gate_state_effect"].max())), runs, verdict(cases, "the form"), details)


def _time_scales(results: Results) -> Finding:
    runs = select(results, cell="gru")
    runs = measured(runs[runs["train.steps"] > 0], "time_constant_upper_quartile")
    cases, details, spreads = {}, [], {}
    for setting, group in runs.groupby("task_setting", sort=False):
        case = f"at {setting}"
        ratio = group["time_constant_upper_quartile"] / group["time_constant_lower_quartile"]
        spreads[case] = median_interval(ratio.to_numpy())
        bounds = spreads[case]
        decided = above(bounds, SPREAD) if not np.isnan(bounds.low) else bool((ratio > SPREAD).all()) or None
        cases[case] = decided
        initial = group["time_constant_upper_quartile_initial"] / group["time_constant_lower_quartile_initial"]
        lower, median, upper = (
            group[f"time_constant{quartile}"].median() for quartile in ("_lower_quartile", "", "_upper_quartile")
        )
        details.append(
            f"{case}: {in_words(bounds)}, before training {initial.median():.3g}; quartiles {lower:.3g}, {median:.3g}, "
            f"{upper:.3g} steps"
        )
    return Finding(next(iter(spreads.values())), runs, verdict(cases, "the length"), details)


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
    "update gate held at 0 and 1: |h' - h| where it copies, share of h kept at the other value",
    "holds for a form when both are 0 to rounding and the values are those of its notes",
    "larger of the two errors",
    _update_one,
)
RESET_IGNORES = Claim(
    "reset-ignores",
    "Reset gate 0 makes the candidate ignore the past.",
    "002, 004",
    "reset gate held at 0 and 1, update gate all new: difference between the next states from two old states",
    "holds for a form when the difference is 0 to rounding at 0",
    "difference at 0",
    _reset_ignores,
)
TIME_SCALES = Claim(
    "time-scales",
    "Units learn different time scales.",
    "002, 004",
    "time constants -1/log(1 - z) of the units after training: upper quartile over lower, median over runs",
    f"holds at a length where the interval is above {SPREAD:g} (with fewer than 5 runs, where all are)",
    "ratio of quartiles, shortest length",
    _time_scales,
)
