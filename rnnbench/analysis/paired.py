"""A paired comparison over seeds: the mean difference with Student's interval, and an exact test."""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from rnnbench.analysis.intervals import UNDEFINED, Interval, mean_interval, median_of_signed

SIGN_FLIPS = 9_999
"""Up to 13 pairs have fewer signs, 8,192, and are enumerated; of more, these are drawn."""

ROUNDING = 1e-9
"""Values that differ by less than this fraction of them are one value: Student's p-value has no digits there."""


class PairedTest(NamedTuple):
    """Differences of pairs tested against none, two-sided."""

    interval: Interval
    """The mean difference with Student's 95% interval; with infinite differences the median with order statistics."""
    p_value: float
    """Student's, exact for normal differences; with infinite differences the sign flips'; NaN with fewer than two."""
    p_sign_flip: float
    """By flipping the signs of the differences, exact for any that are symmetric around none; at least 2 / 2^n."""
    pairs: int


def paired_test(differences: Float[np.ndarray, " pairs"], generator: np.random.Generator) -> PairedTest:
    """The differences within pairs, one per shared seed, against a mean of zero.

    Differences may be inf or -inf, where one run of the pair exploded: then the estimate is the median, the interval
    that of `median_interval` (NaN below five pairs), and the test flips the signs of ranks (Wilcoxon's). All signs are
    enumerated up to 13 pairs, else 9,999 draws. Sources: Student (1908), Fisher, The Design of Experiments (1935),
    section 21, Wilcoxon (1945). Raises ValueError on NaN, as inf - inf is: pass 0 for two exploding runs.
    """
    values = np.asarray(differences, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("differences=nan: must be numbers or infinite (0 where both runs exploded)")
    if values.size == 0:
        return PairedTest(UNDEFINED, math.nan, math.nan, 0)
    finite = bool(np.isfinite(values).all())
    interval = mean_interval(values) if finite else median_of_signed(values)
    if values.size == 1:
        return PairedTest(interval, math.nan, 1.0, 1)
    tested = values if finite else np.sign(values) * stats.rankdata(np.abs(values))
    flipped: Any = stats.permutation_test(
        (tested,), np.mean, permutation_type="samples", vectorized=True, n_resamples=SIGN_FLIPS, rng=generator
    )
    p_sign_flip = float(flipped.pvalue)
    return PairedTest(interval, student_p_value(values) if finite else p_sign_flip, p_sign_flip, values.size)


def margin_p_value(differences: Float[np.ndarray, " pairs"], margin: float, generator: np.random.Generator) -> float:
    """The larger of the p-values of `paired_test` that the mean is -margin and that it is margin: for a correction.

    Small both where the mean lies within the margins and where it lies beyond; NaN with fewer than two pairs.
    """
    values = np.asarray(differences, dtype=np.float64)
    return float(np.max([paired_test(values - bound, generator).p_value for bound in (-margin, margin)]))


def student_p_value(values: Float[np.ndarray, " pairs"]) -> float:
    """Student's two-sided p-value that the mean of finite values is 0; NaN with fewer than two."""
    if values.size < 2:
        return math.nan
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return 1.0 if values[0] == 0 else 0.0
    result: Any = stats.ttest_1samp(values, 0)
    return float(result.pvalue)
