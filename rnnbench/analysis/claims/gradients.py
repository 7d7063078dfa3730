"""Claims on the gradient through time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.claims.claim import Case, Claim, Finding, NotMeasuredError, Reach
from rnnbench.analysis.claims.selection import select, trained_at_one_width
from rnnbench.analysis.gradient_decay import run_decays
from rnnbench.analysis.horizon import lengths, solvable_lengths
from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict, above, below_other, decided

GAIN = "model.recurrent_gain"
AS_TRAINED = {"initialisation": "as trained"}
"""The condition of the runs that were then trained."""

EXPONENTIAL = 0.9
"""R^2 of the straight line through log g_t from which on the course counts as exponential."""


@dataclass(frozen=True)
class Decay:
    """How a cell's gradient decays at initialisation: decades per step with their interval, and the median R^2."""

    condition: Mapping[str, Any]
    per_step: Interval
    r_squared: float


def _decays(results: Results, cell: str) -> tuple[list[Decay], pd.DataFrame]:
    """The decays of a cell's untrained runs by recurrent gain and of its trained ones at the longest length."""
    untrained, trained = select(results, {"cell": cell, "train.steps": 0}), trained_at_one_width(select(results, {}))
    longest = trained[(trained["cell"] == cell) & (lengths(trained) == lengths(trained).max())]
    groups: list[tuple[Mapping[str, Any], pd.DataFrame]] = [
        *(({GAIN: gain}, group) for gain, group in untrained.groupby(GAIN)),
        (AS_TRAINED, longest),
    ]
    runs = pd.concat([group for _, group in groups])
    fitted = run_decays(results.of(runs))
    if fitted.empty:
        raise NotMeasuredError("needs gradient profiles")
    found = []
    for condition, group in groups:
        of_group = fitted[fitted["run"].isin(group["run"])]
        if not of_group.empty:
            decay = mean_interval(of_group["decay_initial"].dropna().to_numpy())
            found.append(Decay(condition, decay, float(of_group["r_squared_initial"].median())))
    return found, runs[runs["run"].isin(fitted["run"])]


def _reach(results: Results, cell: str) -> tuple[dict[str, Reach], pd.DataFrame]:
    """How long a task the cell's trained runs of one width solve, by the cell's name; empty without such runs."""
    runs = trained_at_one_width(select(results, {}))
    runs = runs[runs["cell"] == cell]
    if runs.empty:
        return {}, runs
    row: Any = solvable_lengths(runs, np.random.default_rng(0)).iloc[0]
    return {cell: Reach(row["longest_solvable_length"].estimate, row["lengths"])}, runs


def _vanishing(results: Results) -> Finding:
    decays, runs = _decays(results, "rnn")
    cases = []
    for decay in decays:
        verdict = Verdict.HOLDS if decided(above(decay.per_step)) else Verdict.UNDECIDED
        if decay.r_squared < EXPONENTIAL:
            verdict = Verdict.FAILS
        cases.append(Case(decay.condition, verdict, decay.per_step, {"r_squared": decay.r_squared}))
    return Finding(decays[0].per_step, runs, tuple(cases))


def _lstm_partial(results: Results) -> Finding:
    decays, of_lstm = _decays(results, "lstm")
    plain, of_rnn = _decays(results, "rnn")
    reach, trained = _reach(results, "lstm")
    reach_of_rnn, _ = _reach(results, "rnn")
    cases = []
    for decay in decays:
        for of_same in (other for other in plain if other.condition == decay.condition):
            vanishes, slower = above(decay.per_step), below_other(decay.per_step, of_same.per_step)
            verdict = slower if vanishes is Verdict.HOLDS else vanishes
            cases.append(Case(decay.condition, verdict, decay.per_step, {"rnn": of_same.per_step}))
    runs = pd.concat([of_lstm, of_rnn, trained])
    ends = any(each.ends_within for each in reach.values())
    return Finding(decays[0].per_step, runs, tuple(cases), reach | reach_of_rnn, stops_solving=ends)


def _gru_limit(results: Results) -> Finding:
    decays, runs = _decays(results, "gru")
    reach, trained = _reach(results, "gru")
    cases = []
    for decay in decays:
        verdict = Verdict.HOLDS if decided(above(decay.per_step)) else Verdict.UNDECIDED
        cases.append(Case(decay.condition, verdict, decay.per_step))
    ends = any(each.ends_within for each in reach.values())
    return Finding(decays[0].per_step, pd.concat([runs, trained]), tuple(cases), reach, stops_solving=ends)


VANISHING = Claim(
    "vanishing",
    "An RNN's gradients decay or grow exponentially with the lag.",
    "000, 002",
    "slope of log10 of the gradient norm against the time step, at initialisation: by recurrent gain, and of the runs "
    "that were then trained",
    f"holds under a condition where the line's median R² is at least {EXPONENTIAL} and the slope's interval excludes "
    "0; positive: the gradient decays on its way back through time",
    "decades per step, smallest gain",
    _vanishing,
    "the initialisation",
)
LSTM_PARTIAL = Claim(
    "lstm-partial",
    "The LSTM is a good but not complete solution.",
    "000",
    "the LSTM's slope against the RNN's, at initialisation: by recurrent gain, and of the runs that were then trained; "
    "the longest length solved",
    "holds under a condition where the LSTM's gradient decays (interval above 0), and more slowly than the RNN's "
    "(undecided where their intervals overlap)",
    "decades per step, smallest gain",
    _lstm_partial,
    "the initialisation",
)
GRU_LIMIT = Claim(
    "gru-limit",
    "The GRU's gradients also vanish or explode if the sequence is too long.",
    "000",
    "the GRU's slope at initialisation: by recurrent gain, and of the runs that were then trained; the longest length "
    "solved",
    "holds under a condition where the slope's interval excludes 0: the gradient decays or grows with every step",
    "decades per step, smallest gain",
    _gru_limit,
    "the initialisation",
)
