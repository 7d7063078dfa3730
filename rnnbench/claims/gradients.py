"""Claims on the gradient through time, the norm over the whole state, and on the time scales of units."""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from rnnbench.analysis.gradient_profile import CURVATURE_MARGIN, exponential_test, half_slopes
from rnnbench.analysis.intervals import UNDEFINED, Interval, exact_rate, margin_p_value, mean_interval, paired_test
from rnnbench.analysis.power import detectable_difference_of
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict, above, opposite, within
from rnnbench.claims.claim import Case, Claim
from rnnbench.claims.profiles import MEMORY_BIAS, Profiles, after_training, at_initialisation
from rnnbench.claims.selection import MILESTONE, MILESTONE_STEPS, STEPS, by_seed, names, trained_by_length, with_values
from rnnbench.errors import SettingError
from rnnbench.schema import Status

LOWER, UPPER = "time_constant_lower_quartile", "time_constant_upper_quartile"
QUARTILES = [f"{LOWER}_initial", f"{UPPER}_initial", LOWER, UPPER]


def _time_scales(results: Results) -> list[Case]:
    groups = trained_by_length(results, "gru")
    if not groups:
        raise SettingError("needs trained runs of gru")
    with_values(results.runs, *QUARTILES)
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
    "time constants -1/log(1 - z) of the units: upper quartile over lower after training, over the same before it, by "
    "run and length",
    "holds at a length where the interval of the factor is above 1: training spread them; fails where it is below",
    _time_scales,
)


LEAST_DECADES = 1.0
"""By how many decades a gradient must fall or rise over the sequence to have vanished or exploded: a convention."""


def _exponential(profiles: Profiles) -> Case:
    test = exponential_test(profiles.norms)
    changes = np.array([second - first for first, second in map(half_slopes, profiles.norms)])
    return Case(
        profiles.condition,
        test.verdict,
        mean_interval(profiles.slopes.dropna().to_numpy()),
        "decades lost per step back",
        names(profiles.runs),
        "Student, halves' slopes within the margin of each other",
        test.p_margin,
        partial(detectable_difference_of, changes),
        "decades per step between the halves' slopes",
        {"halves_differ_by": test.change, "p_exactly_straight": test.p_value, **profiles.omitted_counts()},
    )


def _lstm_partial(results: Results) -> list[Case]:
    plain = at_initialisation(results, "rnn", longest=True)
    cases = [
        _nearer_to_zero(of_rnn, of_lstm)
        for of_lstm in at_initialisation(results, "lstm", longest=True)
        for of_rnn in plain
        if of_rnn.condition == {key: value for key, value in of_lstm.condition.items() if key != MEMORY_BIAS}
    ]
    return [*cases, *_stops_solving(results, "lstm")]


def _nearer_to_zero(rnn: Profiles, lstm: Profiles) -> Case:
    of_rnn, of_lstm = rnn.slopes.dropna().align(lstm.slopes.dropna(), join="inner")
    # Where gradients explode the slopes are negative, and the cell whose slope is nearer to 0 is the better one too.
    differences = (of_rnn.abs() - of_lstm.abs()).to_numpy()
    test = paired_test(differences, np.random.default_rng(0))
    details = {
        f"slope_{name}": mean_interval(slopes.to_numpy()) for name, slopes in (("rnn", of_rnn), ("lstm", of_lstm))
    }
    for name, slopes in zip("hc", lstm.slopes_by_state, strict=False):
        details[f"slope_lstm_{name}"] = mean_interval(slopes.loc[of_rnn.index].to_numpy())
    return Case(
        lstm.condition,
        above(test.interval),
        test.interval,
        "decades per step, |RNN's slope| - |LSTM's|",
        names(rnn.runs.loc[of_rnn.index], lstm.runs.loc[of_rnn.index]),
        "paired Student",
        test.p_value,
        partial(detectable_difference_of, differences),
        "decades per step",
        {**details, "p_sign_flip": test.p_sign_flip, **rnn.omitted_counts(), **lstm.omitted_counts()},
    )


def _gru_limit(results: Results) -> list[Case]:
    profiles = [*at_initialisation(results, "gru", longest=False), *after_training(results, "gru")]
    return [*(_over_the_sequence(each) for each in profiles), *_stops_solving(results, "gru")]


def _over_the_sequence(profiles: Profiles) -> Case:
    decades = profiles.decades
    test = paired_test(decades, np.random.default_rng(0))
    verdict, number = opposite(within(test.interval, -LEAST_DECADES, LEAST_DECADES)), test.interval
    if profiles.are_bounds:  # what is seen is nearer to 0 than the truth: beyond the margin means so is the truth
        verdict = verdict if verdict is Verdict.HOLDS else Verdict.UNDECIDED
        number = _nearest_bound(decades)
    return Case(
        profiles.condition,
        verdict,
        number,
        "decades lost over the sequence",
        names(profiles.runs),
        "Student, against the margin",
        margin_p_value(decades, LEAST_DECADES, np.random.default_rng(0)),
        math.nan if profiles.are_bounds else partial(detectable_difference_of, decades),
        "decades beyond the margin",
        profiles.omitted_counts(),
    )


def _nearest_bound(decades: Float[np.ndarray, " runs"]) -> Interval:
    """The bound that all runs have passed, on the side of 0 where they all are."""
    if (decades > 0).all():
        return Interval(math.inf, float(decades.min()), math.inf)
    return Interval(-math.inf, -math.inf, float(decades.max())) if (decades < 0).all() else UNDEFINED


def _stops_solving(results: Results, cell: str) -> list[Case]:
    """Whether the cell solves its task less often at the longest length tested than at the shortest; only reported.

    HOLDS when fewer than half of the runs of the longest length solve it, and less often; else UNDECIDED.
    """
    groups = trained_by_length(results, cell)
    if len(groups) < 2:
        return []
    solved = {next(iter(condition.values())): by_seed(group)["solved"].to_numpy(bool) for condition, group in groups}
    shortest, *_, longest = solved
    counts = [(solved[length].sum(), (~solved[length]).sum()) for length in (shortest, longest)]
    fisher: Any = stats.fisher_exact(np.array(counts))
    stops = solved[longest].mean() < min(0.5, solved[shortest].mean())
    details = {f"solved_at_{length:g}": (int(runs.sum()), runs.size) for length, runs in solved.items()}
    for length, (_, group) in zip(solved, groups, strict=True):
        if MILESTONE_STEPS in group:
            met = group[MILESTONE_STEPS].notna()
            details[f"{MILESTONE}_at_{length:g}"] = (int(met.sum()), len(met))
    runs = pd.concat([group for _, group in groups])
    return [
        Case(
            {"compared": "stops_solving", "length": longest, "budget": int(runs[STEPS].max())},
            Verdict.HOLDS if stops else Verdict.UNDECIDED,
            exact_rate(solved[longest]),
            "fraction of runs that solve it",
            names(runs),
            "Fisher's exact test against the shortest length",
            float(fisher.pvalue),
            details=details,
            reported_only=True,
        )
    ]


VANISHING = Claim(
    "vanishing",
    "An RNN's gradients decay or grow exponentially with the lag.",
    "000, 002",
    "slope of log10 of the gradient's norm against the time step, at initialisation, by recurrent gain and as started "
    "for training, longest length; positive: it decays on its way back",
    f"holds where the slopes of the two halves of the sequence differ by less than {CURVATURE_MARGIN:g} of the slope "
    "of the whole (two one-sided tests), fails where by more; R² takes no part",
    lambda results: [_exponential(profiles) for profiles in at_initialisation(results, "rnn", longest=True)],
)
LSTM_PARTIAL = Claim(
    "lstm-partial",
    "The LSTM is a good but not complete solution.",
    "000",
    "|slope| of the RNN's gradient minus |slope| of the LSTM's, by seed, at initialisation, by recurrent gain, with "
    "the LSTM's own forget bias, 1, and with one of 0, and as started for training, longest length; "
    "also reported: the slopes of its h and c alone, and whether the LSTM stops solving its task",
    "holds where the interval is above 0: the LSTM's gradient decays, or grows, more slowly; fails where it is below; "
    "that it stops solving holds within the lengths and the budget tested, and is undecided where no length fails",
    _lstm_partial,
)
GRU_LIMIT = Claim(
    "gru-limit",
    "The GRU's gradients also vanish or explode if the sequence is too long.",
    "000",
    "log10 of the gradient's norm at the last step minus at the first: at initialisation by recurrent gain and memory "
    "bias, as started for training and after it, each by length; also reported: whether the GRU stops solving its task",
    f"holds at a length where the interval lies beyond {LEAST_DECADES:g} decade, lost or gained, over the sequence, "
    "fails where within; at one start one length that holds is enough; where a gradient gets too small for a number, "
    "what is seen is tested, a bound, and no interval is given",
    _gru_limit,
    somewhere="length",
)
