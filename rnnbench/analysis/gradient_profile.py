"""Stored norms of the gradient through time, as they are and relative to that at its end, g_t / g_T.

Relative to g_T cells can be compared after training, where a cell with a smaller residual has smaller gradients at
every step. T is the last step with a gradient.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from rnnbench.analysis.intervals import UNDEFINED, Interval, median_interval
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.gradient_fit import SMALLEST, GradientSummary, HalfLife, summarise_gradient

PROBE, PRECISION = "gradient_profile", "gradient_precision"

ROUNDED_TO_ZERO = {"fused": 2.0**-106}
"""The magnitude below which a backend rounds the elements of a float32 gradient to zero."""
DENORMAL = 2.0**-126
"""That of the other backends: float32's smallest normal number."""
MARGIN = 100
"""From this many times that magnitude on down, a norm has lost so many elements that it is no longer a norm: it falls
off a cliff."""


def joint_norms(arrays: Mapping[str, "np.ndarray[Any, Any]"]) -> Float[np.ndarray, "probed layer time_step"]:
    """g_t over the whole state at each step, all its tensors together: by probed training step, layer and time step.

    `arrays` are those of one run's profile. Raises SettingError when they have no `norm` with these axes.
    """
    if "norm" not in arrays:
        raise SettingError("needs gradient profiles; add probe=[gradient_profile]")
    norm = np.asarray(arrays["norm"], dtype=np.float64)
    if norm.ndim == 4 and norm.shape[2] == 1:
        return norm[:, :, 0]
    if norm.ndim != 3:
        raise SettingError(
            f"norm.shape={norm.shape}: must be (probed, layer, time_step), the norm over the whole state; a profile of "
            "each state tensor by itself does not tell it, so run the experiment again"
        )
    return norm


def top_layer_norms(results: Results, run: str, probed: int) -> Float[np.ndarray, " time_step"] | None:
    """g_1 .. g_T of a run's top layer at a probed step (0 the first, -1 the last), by `joint_norms`; None without."""
    arrays = results.source.probe(run, PROBE)
    return joint_norms(arrays)[probed, -1] if arrays else None


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
    """Of each tensor of the top layer's state alone, h first, the median over runs of the decades lost.

    At a probed step (0 the first, -1 the last). Each is from its own last step with a gradient; NaN where no number
    holds it, empty where not stored.
    """
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


def smallest_element(run: Mapping[Any, Any]) -> float:
    """The magnitude below which elements of a run's gradients were rounded to zero, from its columns."""
    if run.get(PRECISION) == "float64":
        return SMALLEST / MARGIN
    return ROUNDED_TO_ZERO.get(str(run.get("backend")), DENORMAL)


def relative_gradients(
    arrays: Mapping[str, "np.ndarray[Any, Any]"],
    smallest: float,
    probed: Sequence[int] | slice = slice(None),
    tensor: int | None = None,
) -> Float[np.ndarray, "probed time_step"]:
    """log10(g_t / g_T) of the top layer in a run's profile, at probed training steps (0 the first, -1 the last).

    Of the whole state, or of one `tensor` of it, T then being its own last step with a gradient; of a cell with one
    tensor that is NaN. `smallest` is the run's `smallest_element`. -inf where the gradient is rounded to zero, NaN
    throughout where there is none at all. Raises SettingError as `joint_norms` does.
    """
    norms = joint_norms(arrays)[probed, -1]
    if tensor is not None:
        by_state = np.asarray(arrays.get("norm_by_state", norms[:, None, None]), dtype=np.float64)
        one = by_state.shape[2] == 1
        norms = np.full(norms.shape, np.nan) if one or tensor >= by_state.shape[2] else by_state[probed, -1, tensor]
        after_last = np.cumsum(norms[:, ::-1] > 0, axis=1)[:, ::-1] == 0
        norms = np.where(after_last, np.nan, norms)  # zero by definition, such as c's at the very end
    return np.reshape([relative_to_last(of_step, smallest) for of_step in norms], norms.shape)


def relative_to_last(norms: Float[np.ndarray, " time_step"], rounded: float) -> Float[np.ndarray, " time_step"]:
    """log10(g_t / g_T) of norms whose elements are rounded to zero below `rounded`."""
    kept = np.where((norms > MARGIN * rounded) | np.isnan(norms), norms, 0.0)
    (steps,) = np.nonzero(kept > 0)
    if not steps.size:
        return np.full(norms.shape, math.nan)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(kept) - np.log10(kept[steps[-1]]))


def growth_per_step(relative: Float[np.ndarray, " time_step"]) -> float:
    """Decades by which the gradient grows per step back through time, from T to the first step not rounded to zero.

    Negative where it vanishes. NaN with fewer than two steps.
    """
    (steps,) = np.nonzero(np.isfinite(relative))
    if steps.size < 2:
        return math.nan
    first, last = steps[[0, -1]]
    return float((relative[first] - relative[last]) / (last - first))
