"""Claims on which cell learns better."""

from collections.abc import Callable

import pandas as pd

from rnnbench.analysis.claims.claim import Case, Claim, Count, Finding, NotMeasuredError
from rnnbench.analysis.claims.selection import difficulties, select
from rnnbench.analysis.intervals import Interval, paired_difference
from rnnbench.analysis.matched_comparisons import WIDTH, matched_comparisons
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import with_scores
from rnnbench.analysis.solving import success_rate
from rnnbench.analysis.verdict import Verdict, above, below_other, within
from rnnbench.errors import SettingError

MARGIN = 0.05
"""Two mean scores within this of each other are comparable."""

Rule = Callable[[Interval, pd.DataFrame, pd.DataFrame], Verdict]
"""The verdict on one cell against another, from the difference of their scores and the runs of both."""


def _compare(results: Results, one: str, other: str, rule: Rule) -> Finding:
    """The paired difference of two cells' scores by match and length, those of equally many parameters first."""
    runs = select(results, {"cell": [one, other]})
    runs = with_scores(runs[runs["train.steps"] > 0])
    try:
        matched = matched_comparisons(runs)
    except SettingError as error:
        raise NotMeasuredError(str(error)) from error
    cases, behind = [], []
    for match, of_match in sorted(matched.items(), key=lambda item: item[0].column == WIDTH):
        for length, group in difficulties(of_match):
            if set(group["cell"]) != {one, other}:
                continue
            of_one, of_other = (group[group["cell"] == cell] for cell in (one, other))
            difference = paired_difference(of_one.set_index("seed")["score"], of_other.set_index("seed")["score"])
            solved = {
                f"solved_{cell}": Count(int(part["solved"].sum()), len(part))
                for cell, part in ((one, of_one), (other, of_other))
            }
            verdict = rule(difference, of_one, of_other)
            cases.append(Case({**length, "match": match}, verdict, difference, solved))
            behind.append(group)
    if not cases:
        raise NotMeasuredError(f"needs matched runs of {one} and {other} at the same length")
    return Finding(cases[0].value, pd.concat(behind), tuple(cases))


def _gru_beats_rnn(results: Results) -> Finding:
    return _compare(results, "gru", "rnn", lambda difference, gru, rnn: above(difference))


def _comparable(results: Results) -> Finding:
    return _compare(results, "gru", "lstm", lambda difference, gru, lstm: within(difference, MARGIN))


def _sigmoid_candidate(results: Results) -> Finding:
    def as_successful(difference: Interval, sigmoid: pd.DataFrame, tanh: pd.DataFrame) -> Verdict:
        of_sigmoid, of_tanh = (success_rate(runs["solved"].to_numpy(bool)) for runs in (sigmoid, tanh))
        if below_other(of_sigmoid, of_tanh) is Verdict.HOLDS:
            return Verdict.FAILS
        return Verdict.HOLDS if of_sigmoid.estimate >= of_tanh.estimate else Verdict.UNDECIDED

    return _compare(results, "gru_goodfellow", "gru", as_successful)


SCORES = (
    "paired difference over seeds of the normalised scores on test data, at equal parameters or equal width, by length"
)

GRU_BEATS_RNN = Claim(
    "gru-beats-rnn",
    "The GRU is better than the vanilla RNN.",
    "000, 003",
    f"{SCORES}: GRU minus RNN",
    "holds where the interval is above 0, fails where it is below",
    "difference of scores, first case",
    _gru_beats_rnn,
    "the length and what is equal",
)
COMPARABLE = Claim(
    "comparable",
    "The GRU performs comparably to the LSTM.",
    "002",
    f"{SCORES}: GRU minus LSTM",
    f"holds where the interval lies within ±{MARGIN}, fails where it lies outside, undecided where it crosses",
    "difference of scores, first case",
    _comparable,
    "the length and what is equal",
)
SIGMOID_CANDIDATE = Claim(
    "sigmoid-candidate",
    "A sigmoid candidate serves as well as tanh.",
    "004",
    f"{SCORES}: gru_goodfellow minus gru",
    "holds where its success rate is at least that of tanh, fails where Wilson's intervals of the two success rates do "
    "not overlap, undecided between",
    "difference of scores, first case",
    _sigmoid_candidate,
    "the length and what is equal",
)
