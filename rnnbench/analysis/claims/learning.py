"""Claims on which cell learns better."""

import pandas as pd

from rnnbench.analysis.claims.claim import Claim, Finding, NotMeasuredError, above, in_words, select, verdict
from rnnbench.analysis.equal_terms import equal_terms
from rnnbench.analysis.intervals import Interval, paired_difference
from rnnbench.analysis.results import Results
from rnnbench.analysis.scoring import with_scores
from rnnbench.analysis.solving import success_rate

MARGIN = 0.05
"""Two mean scores within this of each other are comparable."""


def _differences(results: Results, one: str, other: str) -> tuple[dict[str, Interval], list[str], pd.DataFrame]:
    """The paired difference of two cells' scores by terms and length, equal parameters first, with solved counts."""
    runs = select(results, cell=[one, other])
    runs = with_scores(runs[runs["train.steps"] > 0])
    try:
        terms = equal_terms(runs)
    except ValueError as error:
        raise NotMeasuredError(str(error)) from error
    found, counts, behind = {}, [], []
    for words, of_terms in sorted(terms.items(), key=lambda item: "parameters" not in item[0]):
        for setting, group in of_terms.groupby("task_setting", sort=False):
            scores = {cell: part.set_index("seed")["score"] for cell, part in group.groupby("cell")}
            if set(scores) != {one, other}:
                continue
            solved = {cell: f"{part['solved'].sum()}/{len(part)}" for cell, part in group.groupby("cell")}
            case = f"at {setting}, {words}"
            found[case] = paired_difference(scores[one], scores[other])
            counts.append(f"{case}: {in_words(found[case])}, solved {one} {solved[one]}, {other} {solved[other]}")
            behind.append(group)
    if not found:
        raise NotMeasuredError(f"needs {one} and {other} on the same terms at the same length")
    return found, counts, pd.concat(behind)


def _gru_beats_rnn(results: Results) -> Finding:
    found, details, runs = _differences(results, "gru", "rnn")
    cases = {case: above(difference) for case, difference in found.items()}
    return Finding(next(iter(found.values())), runs, verdict(cases, "the terms"), details)


def _comparable(results: Results) -> Finding:
    found, details, runs = _differences(results, "gru", "lstm")
    cases = {case: within(difference) for case, difference in found.items()}
    return Finding(next(iter(found.values())), runs, verdict(cases, "the terms"), details)


def _sigmoid_candidate(results: Results) -> Finding:
    found, details, runs = _differences(results, "gru_goodfellow", "gru")
    cases = {}
    for setting, group in runs.groupby("task_setting", sort=False):
        sigmoid, tanh = (
            success_rate(group[group["cell"] == cell]["solved"].to_numpy(bool)) for cell in ("gru_goodfellow", "gru")
        )
        apart = sigmoid.high < tanh.low
        cases[f"at {setting}"] = False if apart else (True if sigmoid.estimate >= tanh.estimate else None)
    return Finding(next(iter(found.values())), runs, verdict(cases, "the length"), details)


def within(difference: Interval) -> bool | None:
    """Whether the whole interval lies within the margin; False when it lies outside; None when it crosses."""
    if difference.low > -MARGIN and difference.high < MARGIN:
        return True
    outside = difference.low > MARGIN or difference.high < -MARGIN
    return False if outside else None


SCORES = "paired difference over seeds of the normalised scores on test data, by terms and length, with solved runs"

GRU_BEATS_RNN = Claim(
    "gru-beats-rnn",
    "The GRU is better than the vanilla RNN.",
    "000, 003",
    f"{SCORES}: GRU minus RNN",
    "holds where the interval is above 0, fails where it is below",
    "difference of scores, first case",
    _gru_beats_rnn,
)
COMPARABLE = Claim(
    "comparable",
    "The GRU performs comparably to the LSTM.",
    "002",
    f"{SCORES}: GRU minus LSTM",
    f"holds where the interval lies within ±{MARGIN}, fails where it lies outside, undecided where it crosses",
    "difference of scores, first case",
    _comparable,
)
SIGMOID_CANDIDATE = Claim(
    "sigmoid-candidate",
    "A sigmoid candidate serves as well as tanh.",
    "004",
    f"{SCORES}: gru_goodfellow minus gru",
    "holds where it is solved by as large a share of the runs as with tanh, fails where Wilson's intervals of the two "
    "shares are apart, undecided between",
    "difference of scores, first case",
    _sigmoid_candidate,
)
