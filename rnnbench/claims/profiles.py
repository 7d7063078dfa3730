"""Gradients through time of one cell's runs under one condition, as the claims take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from rnnbench.analysis.cell_pairs import WIDTH
from rnnbench.analysis.gradient_profile import PROBE, top_layer_norms
from rnnbench.analysis.results import Results
from rnnbench.claims.selection import STEPS, by_length, by_seed, one_task, select, trained_by_length
from rnnbench.errors import SettingError
from rnnbench.gradient_fit import fit_gradient
from rnnbench.schema import Status

GAIN, MEMORY_BIAS, WHEN = "model.recurrent_gain", "model.memory_bias", "when"
AS_STARTED, AFTER_TRAINING = "as started for training", "after training"

FEWEST_STEPS = 10
"""Time steps with a gradient that a profile takes part with."""


@dataclass(frozen=True)
class Profiles:
    """The norms g_1 .. g_T of runs of one cell, one row per run.

    A norm that is no number (0 because it was too small for one, or beyond the largest) is 0 here, which fits leave
    out. A run with fewer than ten norms that are, or without one at the last step, is left out and counted.
    """

    condition: Mapping[str, Any]
    runs: pd.DataFrame
    """Indexed by seed, in the order of the rows."""
    norms: Float[np.ndarray, "runs time_step"]
    left_out: int
    by_state: Float[np.ndarray, "runs state time_step"] | None = None
    """The same of each tensor of the state alone, h first; None where a run has not stored it."""

    @property
    def slopes(self) -> "pd.Series[float]":
        """Decades lost per step of backpropagation through time, by seed: negative where the gradient explodes."""
        return self._slopes(self.norms)

    @property
    def slopes_by_state(self) -> "list[pd.Series[float]]":
        """The same of each tensor of the state alone; none where it is not known or the state has one tensor."""
        if self.by_state is None or self.by_state.shape[1] < 2:
            return []
        return [self._slopes(self.by_state[:, place]) for place in range(self.by_state.shape[1])]

    def _slopes(self, norms: Float[np.ndarray, "runs time_step"]) -> "pd.Series[float]":
        return pd.Series([fit_gradient(of_run).decay for of_run in norms], index=self.runs.index, dtype=float)

    @property
    def decades(self) -> Float[np.ndarray, " runs"]:
        """log10 g_T - log10 g_1: decades lost over the sequence, negative where the gradient explodes.

        Where g_1 is no number, from the first step that is one on: the run has lost at least as many (`are_bounds`).
        """
        first = np.array([norms[np.argmax(norms > 0)] for norms in self.norms])
        return np.asarray(np.log10(self.norms[:, -1]) - np.log10(first)) if len(first) else first

    @property
    def are_bounds(self) -> bool:
        """Whether a g_1 is no number, so that some of the decades are bounds."""
        return bool((self.norms[:, :1] == 0).any())

    def omitted_counts(self) -> dict[str, float]:
        """The runs left out by name, for a case's details; empty without any."""
        return {"runs_without_a_gradient": float(self.left_out)} if self.left_out else {}


def at_initialisation(results: Results, cell: str, longest: bool) -> list[Profiles]:
    """The gradients of a cell at initialisation: of untrained runs by gain, memory bias (where set) and length, of
    trained ones as they started.

    With `longest` those of each gain's and bias's longest length. Raises SettingError when no run has a profile.
    """
    untrained, started = _untrained(results, cell), trained_by_length(results, cell)
    if longest:
        of_start = {(condition[GAIN], condition.get(MEMORY_BIAS)): (condition, group) for condition, group in untrained}
        untrained = list(of_start.values())
        started = started[-1:]
    groups = [*untrained, *(({WHEN: AS_STARTED} | length, group) for length, group in started)]
    found = [profiles for condition, group in groups if (profiles := _profiles(results, condition, group, 0))]
    if not found:
        raise SettingError(f"needs gradient profiles of {cell}; add probe=[gradient_profile]")
    return found


def after_training(results: Results, cell: str) -> list[Profiles]:
    """The gradients of a cell's trained runs at their last probed step by length; diverged runs are left out."""
    groups = [({WHEN: AFTER_TRAINING} | length, group) for length, group in trained_by_length(results, cell)]
    return [profiles for condition, group in groups if (profiles := _profiles(results, condition, group, -1))]


def _untrained(results: Results, cell: str) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """A cell's untrained runs of its most common width by recurrent gain, memory bias and length, shorter first."""
    runs = results.runs[(results.runs["cell"] == cell) & (results.runs[STEPS] == 0)]
    if runs.empty:
        return []
    runs = select(results.of(one_task(runs)), {WIDTH: runs[WIDTH].mode()[0]})
    biases = runs[MEMORY_BIAS] if MEMORY_BIAS in runs else pd.Series(None, runs.index, dtype=object)
    return [
        ({GAIN: gain} | ({} if bias != bias else {MEMORY_BIAS: bias}) | length, group)
        for (gain, bias), of_start in runs.groupby([runs[GAIN], biases], dropna=False)
        for length, group in by_length(of_start)
    ]


def _profiles(results: Results, condition: Mapping[str, Any], runs: pd.DataFrame, probed: int) -> Profiles | None:
    """The gradients at a probed training step (0 the first, -1 the last); None when no run has a profile."""
    measured = {run: top_layer_norms(results, run, probed) for run in runs["run"]}
    found = {run: np.where(np.isfinite(norms), norms, 0) for run, norms in measured.items() if norms is not None}
    if not found:
        return None
    ended = runs[runs["status"] == Status.DONE] if probed == -1 else runs
    length = next(iter(found.values())).size
    taking_part = [
        run for run, norms in found.items()
        if norms[-1] > 0 and np.count_nonzero(norms) >= min(FEWEST_STEPS, length)
    ]  # fmt: skip
    kept = by_seed(ended[ended["run"].isin(taking_part)])
    norms_of_runs = np.array([found[run] for run in kept["run"]]).reshape(len(kept), length)
    stored = [results.source.probe(run, PROBE).get("norm_by_state") for run in kept["run"]]
    by_state = [np.where(np.isfinite(each[probed, -1]), each[probed, -1], 0) for each in stored if each is not None]
    complete = np.array(by_state) if by_state and len(by_state) == len(kept) else None
    return Profiles(condition, kept, norms_of_runs, len(found) - len(kept), complete)
