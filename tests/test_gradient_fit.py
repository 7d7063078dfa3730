"""The exponential fit of a gradient through time, by hand."""

import math

import numpy as np
import pytest

from rnnbench.gradient_fit import NoHalfLife, decades_lost, fit_gradient, reported_half_life, summarise_gradient

LAGS = np.arange(100.0)[::-1]
"""Of g_1 .. g_100."""


@pytest.mark.parametrize(
    ("norms", "decay", "r_squared"),
    [
        (10 ** (0.25 * np.arange(8.0) - 2), 0.25, 1),
        (10 ** (-0.1 * np.arange(8.0)), -0.1, 1),
        (10 ** (-(np.arange(-10.0, 11) ** 2) / 10), 0, 0),
        # Least squares of (0, 0), (1, 1), (2, 1): slope sum((t - 1)(y - 2/3)) / sum((t - 1)^2) = (2/3 + 1/3) / 2.
        (np.array([1.0, 10.0, 10.0]), 0.5, 0.75),
        # Zeros are left out, and the steps keep their places: (1, -4), (4, -1).
        (np.array([0, 1e-4, 0, 0, 1e-1]), 1, 1),
        # Equal norms have no slope, whatever the rounding.
        (np.full(99, 0.3), 0, 0),
        (np.full(99, 1e-200), 0, 0),
        (np.array([0.0, 1.0]), math.nan, math.nan),
        (np.array([math.nan, math.nan, 1.0]), math.nan, math.nan),
    ],
)
def test_fit_by_hand(norms: np.ndarray, decay: float, r_squared: float) -> None:
    assert fit_gradient(norms) == pytest.approx((decay, r_squared), abs=1e-12, nan_ok=True)


def test_fewest_steps_are_steps_that_are_not_zero() -> None:
    assert fit_gradient(np.array([0.0, 0.0, 1e-3, 1e-2, 1e-1]), fewest_steps=3).decay == pytest.approx(1)
    assert math.isnan(fit_gradient(np.array([0.0, 0.0, 0.1, 1.0]), fewest_steps=3).decay)


def test_decades_lost() -> None:
    assert decades_lost(np.array([1e-5, 1e-3, 1e-1])) == pytest.approx(4)
    assert decades_lost(np.array([10.0, 1.0, 0.0])) == pytest.approx(-1)  # the loss does not depend on the last state
    assert decades_lost(np.array([0.0, 1.0])) == math.inf
    assert decades_lost(np.array([math.inf, 1.0])) == -math.inf  # exploded beyond all numbers
    assert math.isnan(decades_lost(np.zeros(3)))


@pytest.mark.parametrize(
    ("norms", "steps", "reason"),
    [
        (10 ** (-0.1 * LAGS[-9:]), math.nan, NoHalfLife.TOO_FEW_STEPS),
        (np.concatenate([np.full(91, math.nan), 10 ** (-0.1 * LAGS[-9:])]), math.nan, NoHalfLife.TOO_FEW_STEPS),
        (10 ** (0.1 * LAGS), math.nan, NoHalfLife.NO_DECAY),
        (np.where(LAGS > 97, math.inf, 1), math.nan, NoHalfLife.NO_DECAY),
        (np.full(100, 0.3), math.nan, NoHalfLife.NO_DECAY),
        (10 ** (-0.01 * LAGS + np.sin(LAGS)), math.nan, NoHalfLife.NOT_EXPONENTIAL),
        (10 ** (-0.003 * LAGS), math.nan, NoHalfLife.BEYOND_SEQUENCE),
        (2.0 ** (-LAGS / 4), 4, None),
        (2.0 ** (-LAGS / 99), 99, None),  # just within the sequence of 100 steps
    ],
)
def test_half_life_or_why_there_is_none(norms: np.ndarray, steps: float, reason: NoHalfLife | None) -> None:
    for found in (reported_half_life(norms), summarise_gradient(norms).half_life):
        assert found.steps == pytest.approx(steps, nan_ok=True)
        assert found.reason is reason


def test_summary_of_a_profile_that_is_no_exponential() -> None:
    """A flat profile with noise has no decay; what it loses from end to end it has."""
    norms = 10.0 ** np.array([0.0, 0.2, -0.2, 0.1, -0.1, 0.3])
    found = summarise_gradient(norms)
    assert math.isnan(found.decay)
    assert found.r_squared == pytest.approx(np.corrcoef(range(6), np.log10(norms))[0, 1] ** 2)
    assert found.decades_lost == pytest.approx(0.3)
    assert math.isnan(summarise_gradient(np.array([0.0, 0.1, 1.0])).r_squared)  # a line through two points always fits
