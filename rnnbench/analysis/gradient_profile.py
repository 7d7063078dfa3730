"""Stored norms of the gradient through time: as they are, relative to that at its end, and whether exponential; and the
table of how much and how fast they decay.

Relative to g_T, T the last step with a gradient, cells can be compared after training, where a cell with a smaller
residual has smaller gradients at every step. Of the exponential R^2 of the straight line through log10 g_t is no test:
over 100 steps exp(-sqrt k) has 0.95. Its slope is the same early and late, as the slopes of the two halves say.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from rnnbench.analysis.intervals import (
    ROUNDING,
    UNDEFINED,
    Interval,
    as_float_array,
    mean_interval,
    median_interval,
    student_p_value,
)
from rnnbench.analysis.results import Results, rows_by
from rnnbench.analysis.verdict import Verdict
from rnnbench.errors import SettingError
from rnnbench.gradient_fit import (
    EXPONENTIAL_R_SQUARED,
    FEWEST_STEPS,
    SMALLEST,
    GradientSummary,
    HalfLife,
    fit_gradient,
    summarise_gradient,
)
from rnnbench.schema import GROUP, Status

PROBE, PRECISION = "gradient_profile", "gradient_precision"

SMALLEST_IN_SINGLE = 100 * 2.0**-106
"""Below, norms in float32 have lost elements: compiled loops round those below 2^-106 to zero."""


def top_layer_norms(results: Results, run: str, probed: int | list[int]) -> Float[np.ndarray, "... time_step"] | None:
    """g_1 .. g_T of a run's top layer at probed steps (0 the first, -1 the last), over the whole state, all its tensors
    together; None without."""
    arrays = results.source.probe(run, PROBE)
    return arrays["norm"][probed, -1].astype(np.float64) if arrays else None


def median_decades(found: Sequence[GradientSummary]) -> Interval:
    """The median of the runs' `decades_lost`, NaN left out, with its interval.

    Where gradients are too small for a number, no interval but a lower bound: (inf, median of `decades_seen`, inf).
    Where they are too large likewise, an upper one; NaN where some are the one and some the other.
    """
    known = [each for each in found if not math.isnan(each.decades_lost)]
    lost = np.array([each.decades_lost for each in known])
    too_small, too_large = np.isposinf(lost).any(), np.isneginf(lost).any()
    if not (too_small or too_large):
        return median_interval(lost)
    bound = float(np.median([each.decades_seen for each in known]))
    if (too_small and too_large) or not math.isfinite(bound):
        return UNDEFINED
    return Interval(math.inf, bound, math.inf) if too_small else Interval(-math.inf, -math.inf, bound)


def decades_by_state(results: Results, runs: Iterable[str], probed: int) -> tuple[float, ...]:
    """Of each tensor of the top layer's state alone, h first, the median over runs of the decades lost at a probed step
    (0 the first, -1 the last), each from its own last step with a gradient; NaN where no number holds it, empty where
    not stored."""
    stored = (results.source.probe(run, PROBE).get("norm_by_state") for run in runs)
    found = [[summarise_gradient(norms) for norms in of_run[probed, -1]] for of_run in stored if of_run is not None]
    medians = (median_decades(of_tensor).estimate for of_tensor in zip(*found, strict=True))
    return tuple(median if math.isfinite(median) else math.nan for median in medians)


def half_life_columns(name: str, found: Sequence[HalfLife]) -> dict[str, Any]:
    """Columns for several runs: the median of those that have a half-life, how many, and why the others have none."""
    steps = np.array([each.steps for each in found if each.reason is None])
    reasons = Counter(str(each.reason) for each in found if each.reason is not None)
    return {
        name: median_interval(steps),
        f"{name}_runs": steps.size,
        f"{name}_why": "; ".join(f"{count}: {reason}" for reason, count in reasons.items()),
    }


def smallest_norm(run: Mapping[Any, Any]) -> float:
    """The norm below which those of a run's gradients count as rounded to zero, from its columns."""
    return SMALLEST if run.get(PRECISION) == "float64" else SMALLEST_IN_SINGLE


def relative_gradients(
    arrays: Mapping[str, "np.ndarray[Any, Any]"],
    smallest: float,
    probed: Sequence[int] | slice = slice(None),
    tensor: int | None = None,
) -> Float[np.ndarray, "probed time_step"]:
    """log10(g_t / g_T) of the top layer in a run's profile, at probed training steps (0 the first, -1 the last).

    Of the whole state, or of one `tensor` of it, T then being its own last step with a gradient; of a cell with one
    tensor NaN. `smallest` is the run's `smallest_norm`. -inf where the gradient is rounded to zero, NaN throughout
    where there is none.
    """
    norms = arrays["norm"][probed, -1].astype(np.float64)
    if tensor is not None:
        by_state = np.asarray(arrays.get("norm_by_state", norms[:, None, None]), dtype=np.float64)
        one = by_state.shape[2] == 1
        norms = np.full(norms.shape, np.nan) if one or tensor >= by_state.shape[2] else by_state[probed, -1, tensor]
        after_last = np.cumsum(norms[:, ::-1] > 0, axis=1)[:, ::-1] == 0
        norms = np.where(after_last, np.nan, norms)  # zero by definition, such as c's at the very end
    kept = np.where((norms > smallest) | np.isnan(norms), norms, 0.0)
    last = [of_step[np.max(np.nonzero(of_step > 0), initial=0)] for of_step in kept]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(kept) - np.log10(last)[:, None])


def growth_per_step(relative: Float[np.ndarray, " time_step"]) -> float:
    """Decades by which the gradient grows per step back through time, from T to the first step not rounded to zero.

    Negative where it vanishes. NaN with fewer than two steps.
    """
    (steps,) = np.nonzero(np.isfinite(relative))
    if steps.size < 2:
        return math.nan
    first, last = steps[[0, -1]]
    return float((relative[first] - relative[last]) / (last - first))


CURVATURE_MARGIN = 0.25
"""Slopes of the halves that differ by less than this fraction of the whole slope are one slope; a convention."""


def half_slopes(norms: Float[np.ndarray, " time_step"]) -> tuple[float, float]:
    """Slopes of log10 g_t against t, decades lost per step back, over the earlier and the later half of the steps where
    g_t > 0, to which an odd middle step belongs; NaN with fewer than three steps in a half.

    Raises ValueError on NaN and infinite norms.
    """
    checked = as_float_array(norms, "norms", remedy="leave out a run that diverged")
    (steps,) = np.nonzero(checked > 0)
    is_earlier = np.arange(checked.size) < (steps[steps.size // 2] if steps.size else 0)
    earlier, later = np.where(is_earlier, checked, 0), np.where(is_earlier, 0, checked)
    return fit_gradient(earlier, FEWEST_STEPS).decay, fit_gradient(later, FEWEST_STEPS).decay


class ExponentialTest(NamedTuple):
    """Whether the profiles of several runs are exponential."""

    verdict: Verdict
    change: Interval
    """Mean over runs of the second half's slope minus the first's, decades per step: 0 is exponential."""
    p_value: float
    """Student's, that the coefficient of t^2 in log10 g_t is 0: whether the course is exactly straight."""
    p_margin: float
    """The larger of Student's two-sided p-values that d - margin |s| and that d + margin |s| are 0, for a correction:
    small both where the verdict holds and where it fails."""


def exponential_test(norms: Float[np.ndarray, "runs time_step"]) -> ExponentialTest:
    """That the gradients of several runs, a row of norms g_1 .. g_T each, decay or grow exponentially.

    The change d of the slope from half to half is compared with the slope s of the whole. The verdict HOLDS where
    |d| < CURVATURE_MARGIN |s| on average over the runs: the 95% intervals of the means of d - margin |s| and of
    d + margin |s| are below and above 0 (Fieller 1954). It FAILS where one of them is on the other side, else, as for a
    slope of 0, it is UNDECIDED. Runs whose halves have no slope are left out.

    Raises ValueError on NaN and infinite norms.
    """
    halves = np.array([half_slopes(profile) for profile in norms]).reshape(-1, 2)
    usable = ~np.isnan(halves).any(axis=1)
    changes = halves[usable, 1] - halves[usable, 0]
    slopes = np.abs([fit_gradient(profile).decay for profile in norms[usable]])
    quadratics = np.array([_quadratic(profile) for profile in norms[usable]])
    beyond, short_of = changes - CURVATURE_MARGIN * slopes, changes + CURVATURE_MARGIN * slopes
    excess, lack = mean_interval(beyond), mean_interval(short_of)
    verdict = Verdict.UNDECIDED if changes.size else Verdict.NOT_MEASURED
    if excess.low > 0 or lack.high < 0:
        verdict = Verdict.FAILS
    elif excess.high < 0 and lack.low > 0:
        verdict = Verdict.HOLDS
    return ExponentialTest(
        verdict,
        mean_interval(changes),
        student_p_value(quadratics),
        max(student_p_value(beyond), student_p_value(short_of)),
    )


def _quadratic(norms: Float[np.ndarray, " time_step"]) -> float:
    """The coefficient of t^2 in log10 g_t; 0 where it is rounding alone, as in a straight profile."""
    (steps,) = np.nonzero(norms > 0)
    values = np.log10(norms[steps])
    half_width = (steps[-1] - steps[0]) / 2
    bend = float(np.polynomial.Polynomial.fit(steps, values, 2).coef[2])  # with t from -1 to 1
    return bend / half_width**2 if abs(bend) > ROUNDING * np.abs(values).max() else 0.0


LOSS_AT = "gradient_loss_at"

_OF_TOP = "of the top layer's whole state, all its tensors together"
_MOMENT = {
    "decades_lost": f"decades that the gradient {_OF_TOP}, loses from the last step with a gradient back to the first, "
    "log10(g_T / g_1): median over runs; negative when it grows; where a run's gradient is too small for a number "
    "infinite, the lower bound being what is seen, which is no interval",
    "decades_lost_by_state": "the same of each of its tensors alone, h first (of an LSTM h, c), each from its own last "
    "step with a gradient; NaN where too small or too large for a number, empty where not stored",
    "r_squared": "R^2 of the straight line through log10 g_t: median over runs",
    "decay": f"slope of that line, decades lost per step: mean over the runs where R^2 is at least "
    f"{EXPONENTIAL_R_SQUARED:g}; negative when the gradient grows",
    "decay_runs": "runs behind decay",
    "half_life": "steps over which the gradient halves: median over the runs that have a half-life",
    "half_life_runs": "runs behind half_life",
    "half_life_why": "why the others have none",
}
DECAYS: dict[str, str] = {
    "loss_at": "the loss whose gradient it is: of all scored steps, of the last, or of one",
    "runs": "runs with a gradient profile",
    "trained_runs": "of which trained to their end: those behind all numbers after training",
    **{f"{name}_initial": f"at initialisation: {meaning}" for name, meaning in _MOMENT.items()},
    **{name: f"after training: {meaning}" for name, meaning in _MOMENT.items()},
}


def gradient_decays(results: Results) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant: the group and DECAYS, numbers of several runs as `Interval`.

    Raises SettingError when no run has a profile.
    """
    stored = {run: top_layer_norms(results, run, [0, -1]) for run in results.runs["run"]}
    profiles = {run: [*map(summarise_gradient, norms)] for run, norms in stored.items() if norms is not None}
    if not profiles:
        raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
    measured = results.runs[results.runs["run"].isin(list(profiles))]

    def row(runs: pd.DataFrame) -> dict[str, Any]:
        trained = runs[(runs["status"] == Status.DONE) & (runs["steps_trained"] > 0)]
        return {
            "loss_at": "/".join(sorted(set(runs[LOSS_AT].dropna()))) if LOSS_AT in runs else "",
            "runs": len(runs),
            "trained_runs": len(trained),
            **_moment([profiles[run][0] for run in runs["run"]], "_initial"),
            "decades_lost_by_state_initial": decades_by_state(results, runs["run"], 0),
            **_moment([profiles[run][1] for run in trained["run"]], ""),
            "decades_lost_by_state": decades_by_state(results, trained["run"], -1),
        }

    return rows_by(GROUP, measured, row)


def _moment(found: Sequence[GradientSummary], when: str) -> dict[str, Any]:
    fits = np.array([(each.r_squared, each.decay) for each in found]).reshape(-1, 2)
    r_squared, decays = (column[~np.isnan(column)] for column in fits.T)
    columns = {
        "decades_lost": median_decades(found),
        "r_squared": median_interval(r_squared),
        "decay": mean_interval(decays),
        "decay_runs": decays.size,
        **half_life_columns("half_life", [each.half_life for each in found]),
    }
    return {f"{name}{when}": value for name, value in columns.items()}
