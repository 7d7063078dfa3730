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
    verdict,
)
from rnnbench.analysis.gradient_decay import run_decays
from rnnbench.analysis.horizon import solvable_lengths
from rnnbench.analysis.intervals import Interval, mean_interval
from rnnbench.analysis.results import Results

GAIN = "model.recurrent_gain"
EXPONENTIAL = 0.9
"""R^2 of the straight line through log g_t from which on the course counts as exponential."""


def _decays_by_gain(results: Results, cell: str) -> tuple[dict[str, tuple[Interval, float]], pd.DataFrame]:
    """Of the untrained runs of a cell, by recurrent gain: decay per step with its interval, and the median R^2."""
    runs = select(results, cell=cell, train__steps=0)
    fitted = runs.merge(run_decays(results.of(runs)), on="run")
    if fitted.empty:
        raise NotMeasuredError("needs gradient profiles")
    found = {}
    for gain, group in fitted.groupby(GAIN):
        decay = mean_interval(group["decay_initial"].dropna().to_numpy())
        found[f"at gain {gain:g}"] = (decay, float(group["straightness_initial"].median()))
    return found, runs


def _vanishing(results: Results) -> Finding:
    decays, runs = _decays_by_gain(results, "rnn")
    cases = {}
    for gain, (decay, straightness) in decays.items():
        cases[gain] = False if straightness < EXPONENTIAL else (True if above(decay) is not None else None)
    details = [f"{gain}: {in_words(decay)}, R² {straightness:.3g}" for gain, (decay, straightness) in decays.items()]
    return Finding(next(iter(decays.values()))[0], runs, verdict(cases, "the recurrent gain"), details)


def _reach(results: Results, cell: str) -> tuple[str, bool | None, pd.DataFrame]:
    """How far a cell's trained runs of one width reach, and whether that is short of the longest length tested."""
    runs = select(results, cell=cell)
    runs = runs[(runs["train.steps"] > 0) & runs["model.parameter_budget"].isna()]
    if runs.empty:
        return NOT_MEASURED, None, runs
    longest: Any = solvable_lengths(runs, np.random.default_rng(0)).iloc[0]
    words = f"solves lengths up to {longest['longest_solvable_length']:g} of {longest['lengths']}"
    return words, not longest["reaches_the_end"], runs


def _limit(results: Results, cell: str) -> tuple[dict[str, bool | None], dict[str, Any], pd.DataFrame]:
    """Whether a cell's gradient fades or grows at every gain, with the numbers."""
    decays, runs = _decays_by_gain(results, cell)
    cases = {gain: True if above(decay) is not None else None for gain, (decay, _) in decays.items()}
    return cases, decays, runs


def _lstm_partial(results: Results) -> Finding:
    decays, of_lstm = _decays_by_gain(results, "lstm")
    plain, of_rnn = _decays_by_gain(results, "rnn")
    words, short, trained = _reach(results, "lstm")
    words_rnn, _, _ = _reach(results, "rnn")
    cases: dict[str, bool | None] = {}
    for gain in [gain for gain in decays if gain in plain]:
        slower, vanishes = decays[gain][0].high < plain[gain][0].low, above(decays[gain][0])
        cases[gain] = bool(slower) if vanishes else (None if vanishes is None else False)
    details = [f"{gain}: {in_words(decays[gain][0])}, RNN {in_words(plain[gain][0])}" for gain in cases]
    details += [f"LSTM {words}", f"RNN {words_rnn}"]
    found = verdict(cases, "the recurrent gain")
    if short:
        found += "; stops solving within the lengths tested"
    return Finding(next(iter(decays.values()))[0], pd.concat([of_lstm, of_rnn, trained]), found, details)


def _gru_limit(results: Results) -> Finding:
    cases, decays, runs = _limit(results, "gru")
    words, short, trained = _reach(results, "gru")
    details = [*(f"{gain}: {in_words(decay)}" for gain, (decay, _) in decays.items()), f"GRU {words}"]
    found = verdict(cases, "the recurrent gain")
    if short:
        found += "; stops solving within the lengths tested"
    return Finding(next(iter(decays.values()))[0], pd.concat([runs, trained]), found, details)


VANISHING = Claim(
    "vanishing",
    "An RNN's gradients decay or grow exponentially with the lag.",
    "000, 002",
    "slope of log10 of the gradient norm against the time step, by recurrent gain, before training",
    f"holds at a gain where the line's median R² is at least {EXPONENTIAL} and the slope's interval excludes 0; "
    "positive: decays on the way back",
    "decades per step, smallest gain",
    _vanishing,
)
LSTM_PARTIAL = Claim(
    "lstm-partial",
    "The LSTM is a good but not complete solution.",
    "000",
    "the LSTM's slope against the RNN's, by recurrent gain, before training; the longest length solved",
    "holds at a gain where the LSTM's gradient decays (interval above 0), and more slowly than the RNN's (intervals "
    "apart)",
    "decades per step, smallest gain",
    _lstm_partial,
)
GRU_LIMIT = Claim(
    "gru-limit",
    "The GRU's gradients also vanish or explode if the sequence is too long.",
    "000",
    "the GRU's slope by recurrent gain, before training; the longest length solved",
    "holds at a gain where the slope's interval excludes 0: so much is lost or gained with every step",
    "decades per step, smallest gain",
    _gru_limit,
)
