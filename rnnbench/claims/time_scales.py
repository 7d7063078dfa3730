"""The claim that units learn different time scales."""

import math

import numpy as np
import pandas as pd

from rnnbench.analysis.paired import paired_test
from rnnbench.analysis.power import detectable_difference_of
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import above
from rnnbench.claims.claim import Case, Claim, Kind, NotMeasuredError
from rnnbench.claims.selection import by_seed, names, trained_by_length
from rnnbench.schema import Status

LOWER, UPPER = "time_constant_lower_quartile", "time_constant_upper_quartile"
QUARTILES = [f"{LOWER}_initial", f"{UPPER}_initial", LOWER, UPPER]


def _time_scales(results: Results) -> list[Case]:
    groups = trained_by_length(results, "gru")
    if not groups:
        raise NotMeasuredError("needs trained runs of gru")
    for column in QUARTILES:
        if column not in results.runs:
            raise NotMeasuredError(f"needs the column {column}")
    return [_spread(condition, by_seed(group)) for condition, group in groups]


def _spread(condition: dict[str, float], runs: pd.DataFrame) -> Case:
    """A run that diverged has no end, and a quartile that is infinite or 0 no ratio: these are left out and counted."""
    quartiles = runs[QUARTILES].to_numpy(float)
    finite = (np.isfinite(quartiles) & (quartiles > 0)).all(axis=1)
    kept = runs[(runs["status"] == Status.DONE).to_numpy() & finite]
    lower_before, upper_before, lower, upper = (kept[column].to_numpy(float) for column in QUARTILES)
    before, after = np.log(upper_before / lower_before), np.log(upper / lower)
    test = paired_test(after - before, np.random.default_rng(0))
    factor = test.interval.map(math.exp)
    left_out = {"runs_left_out": float(len(runs) - len(kept))} if len(kept) < len(runs) else {}
    return Case(
        condition,
        above(factor, 1),
        factor,
        "upper over lower quartile, after training over before",
        names(kept),
        "paired Student of logarithms",
        test.p_value,
        lambda level: math.exp(detectable_difference_of(after - before, level)),
        "factor",
        {
            "median_before": float(np.exp(np.median(before))) if len(kept) else math.nan,
            "median_after": float(np.exp(np.median(after))) if len(kept) else math.nan,
            "p_sign_flip": test.p_sign_flip,
        }
        | left_out,
    )


TIME_SCALES = Claim(
    "time-scales",
    "Units learn different time scales.",
    "002, 004",
    Kind.MEASURED,
    "time constants -1/log(1 - z) of the units: upper quartile over lower after training, over the same before it, by "
    "run and length",
    "holds at a length where the interval of the factor is above 1: training spread them; fails where it is below",
    _time_scales,
)
