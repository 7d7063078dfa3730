"""Claims on the gradient through time."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.claims.claim import (
    NOT_MEASURED,
    Claim,
    Finding,
    NotMeasuredError,
    above,
    in_words,
    select,
    trained_at_one_width,
    verdict,
)
from rnnbench.analysis.gradient_decay import run_decays
from rnnbench.analysis.horizon import lengths, solvable_lengths
from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.results import Results

GAIN = "model.recurrent_gain"
EXPONENTIAL = 0.9
"""R^2 of the straight line through log g_t from which on the course counts as exponential."""


def _decays(results: Results, cell: str) -> tuple[dict[str, tuple[Interval, float]], pd.DataFrame]:
    """How a cell's gradient decays before training: per step with its interval, and the median R^2.

    Of the untrained runs by recurrent gain; and of the trained ones, at the longest length, as the cell is started.
    """
    untrained, trained = select(results, cell=cell, train__steps=0), trained_at_one_width(select(results))
    longest = trained[(trained["cell"] == cell) & (lengths(trained) == lengths(trained).max())]
    groups = {f"at gain {gain:g}": group for gain, group in untrained.groupby(GAIN)} | {"as started": longest}
    fitted = pd.concat(group.assign(start=start) for start, group in groups.items())
    fitted = fitted.merge(run_decays(results.of(fitted)), on="run")
    if fitted.empty:
        raise NotMeasuredError("needs gradient profiles")
    found = {}
    for start, group in fitted.groupby("start", sort=False):
        decay = mean_interval(group["decay_initial"].dropna().to_numpy())
        found[str(start)] = (decay, float(group["r_squared_initial"].median()))
    return found, fitted


def _vanishing(results: Results) -> Finding:
    decays, runs = _decays(results, "rnn")
    cases = {}
    for start, (decay, r_squared) in decays.items():
        cases[start] = False if r_squared < EXPONENTIAL else (True if above(decay) is not None else None)
    details = [f"{start}: {in_words(decay)}, R² {r_squared:.3g}" for start, (decay, r_squared) in decays.items()]
    return Finding(next(iter(decays.values()))[0], runs, verdict(cases, "the start"), details)


def _reach(results: Results, cell: str) -> tuple[str, bool | None, pd.DataFrame]:
    """How far a cell's trained runs of one width reach, and whether that is short of the longest length tested."""
    runs = trained_at_one_width(select(results))
    runs = runs[runs["cell"] == cell]
    if runs.empty:
        return NOT_MEASURED, None, runs
    longest: Any = solvable_lengths(runs, np.random.default_rng(0)).iloc[0]
    words = f"solves lengths up to {longest['longest_solvable_length']:g} of {longest['lengths']}"
    return words, not longest["reaches_the_end"], runs


def _below(one: Interval, other: Interval) -> bool | None:
    """Whether one is below the other; None where their intervals overlap."""
    if one.high < other.low:
        return True
    return False if one.low > other.high else None


def _lstm_partial(results: Results) -> Finding:
    decays, of_lstm = _decays(results, "lstm")
    plain, of_rnn = _decays(results, "rnn")
    words, short, trained = _reach(results, "lstm")
    words_rnn, _, _ = _reach(results, "rnn")
    cases: dict[str, bool | None] = {}
    for start in [start for start in decays if start in plain]:
        slower, vanishes = _below(decays[start][0], plain[start][0]), above(decays[start][0])
        cases[start] = slower if vanishes else vanishes
    details = [f"{start}: {in_words(decays[start][0])}, RNN {in_words(plain[start][0])}" for start in cases]
    details += [f"LSTM {words}", f"RNN {words_rnn}"]
    found = verdict(cases, "the start")
    if short:
        found += "; stops solving within the lengths tested"
    return Finding(next(iter(decays.values()))[0], pd.concat([of_lstm, of_rnn, trained]), found, details)


def _gru_limit(results: Results) -> Finding:
    decays, runs = _decays(results, "gru")
    cases = {start: True if above(decay) is not None else None for start, (decay, _) in decays.items()}
    words, short, trained = _reach(results, "gru")
    details = [*(f"{start}: {in_words(decay)}" for start, (decay, _) in decays.items()), f"GRU {words}"]
    found = verdict(cases, "the start")
    if short:
        found += "; stops solving within the lengths tested"
    return Finding(next(iter(decays.values()))[0], pd.concat([runs, trained]), found, details)


VANISHING = Claim(
    "vanishing",
    "An RNN's gradients decay or grow exponentially with the lag.",
    "000, 002",
    "slope of log10 of the gradient norm against the time step, by recurrent gain and as started, before training",
    f"holds for a start where the line's median R² is at least {EXPONENTIAL} and the slope's interval excludes 0; "
    "positive: decays on the way back",
    "decades per step, smallest gain",
    _vanishing,
)
LSTM_PARTIAL = Claim(
    "lstm-partial",
    "The LSTM is a good but not complete solution.",
    "000",
    "the LSTM's slope against the RNN's, by recurrent gain and as started, before training; the longest length solved",
    "holds for a start where the LSTM's gradient decays (interval above 0), and more slowly than the RNN's (undecided "
    "where their intervals overlap)",
    "decades per step, smallest gain",
    _lstm_partial,
)
GRU_LIMIT = Claim(
    "gru-limit",
    "The GRU's gradients also vanish or explode if the sequence is too long.",
    "000",
    "the GRU's slope by recurrent gain and as started, before training; the longest length solved",
    "holds for a start where the slope's interval excludes 0: so much is lost or gained with every step",
    "decades per step, smallest gain",
    _gru_limit,
)
