"""The exponential fit of a gradient through time, by hand."""

import math

import numpy as np
import pytest

from rnnbench.gradient_fit import (
    NoHalfLife,
    decades_lost,
    fit_gradient,
    half_life,
    reported_half_life,
    summarise_gradient,
)

LAGS = np.arange(100.0)[::-1]
"""Of g_1 .. g_100."""


def test_fit_of_an_exact_exponential() -> None:
    decay, r_squared, steps = fit_gradient(10 ** (0.25 * np.arange(8.0) - 2))
    assert decay == pytest.approx(0.25)
    assert r_squared == pytest.approx(1)
    assert steps == 8
    assert fit_gradient(10 ** (-0.1 * np.arange(8.0))).decay == pytest.approx(-0.1)


def test_fewest_steps_are_steps_that_are_not_zero() -> None:
    assert fit_gradient(np.array([0.0, 0.0, 1e-3, 1e-2, 1e-1]), fewest_steps=3).decay == pytest.approx(1)
    decay, r_squared, steps = fit_gradient(np.array([0.0, 0.0, 0.1, 1.0]), fewest_steps=3)
    assert math.isnan(decay)
    assert math.isnan(r_squared)
    assert steps == 2


def test_a_bent_course_is_not_exponential() -> None:
    steps = np.arange(-10.0, 11)
    assert fit_gradient(10 ** (-(steps**2) / 10)).r_squared == pytest.approx(0, abs=1e-12)


def test_decay_by_hand() -> None:
    assert fit_gradient(np.array([1e-3, 1e-2, 1e-1])).decay == pytest.approx(1)
    assert fit_gradient(np.array([8.0, 4.0, 2.0, 1.0])).decay == pytest.approx(-math.log10(2))
    # Least squares of (0, 0), (1, 1), (2, 1): slope sum((t - 1)(y - 2/3)) / sum((t - 1)^2) = (2/3 + 1/3) / 2.
    assert fit_gradient(np.array([1.0, 10.0, 10.0])).decay == pytest.approx(0.5)
    # Zeros are left out, and the steps keep their places: (1, -4), (4, -1).
    assert fit_gradient(np.array([0, 1e-4, 0, 0, 1e-1])).decay == pytest.approx(1)


@pytest.mark.parametrize("norms", [[], [1.0], [0.0, 0.0, 0.0], [0.0, 1.0], [math.nan, math.nan, 1.0]])
def test_decay_of_fewer_than_two_steps_is_not_a_number(norms: list[float]) -> None:
    assert math.isnan(fit_gradient(np.array(norms)).decay)


def test_half_life_by_hand() -> None:
    assert half_life(math.log10(2)) == pytest.approx(1)
    assert half_life(math.log10(2) / 10) == pytest.approx(10)
    assert half_life(0) == math.inf
    assert half_life(-0.1) == math.inf
    assert math.isnan(half_life(math.nan))


def test_decades_lost() -> None:
    assert decades_lost(np.array([1e-5, 1e-3, 1e-1])) == pytest.approx(4)
    assert decades_lost(np.array([10.0, 1.0, 0.0])) == pytest.approx(-1)  # the loss does not depend on the last state
    assert decades_lost(np.array([0.0, 1.0])) == math.inf
    assert decades_lost(np.array([math.inf, 1.0])) == -math.inf  # exploded beyond all numbers
    assert math.isnan(decades_lost(np.zeros(3)))


@pytest.mark.parametrize(
    ("norms", "reason"),
    [
        (10 ** (-0.1 * LAGS[-9:]), NoHalfLife.TOO_FEW_STEPS),
        (np.concatenate([np.zeros(91), 10 ** (-0.1 * LAGS[-9:])]), NoHalfLife.TOO_FEW_STEPS),
        (np.concatenate([np.full(91, math.nan), 10 ** (-0.1 * LAGS[-9:])]), NoHalfLife.TOO_FEW_STEPS),
        (10 ** (0.1 * LAGS), NoHalfLife.NO_DECAY),
        (np.where(LAGS > 97, math.inf, 1), NoHalfLife.NO_DECAY),
        (np.full(100, 0.3), NoHalfLife.NO_DECAY),
        (10 ** (-0.01 * LAGS + np.sin(LAGS)), NoHalfLife.NOT_EXPONENTIAL),
        (10 ** (-0.003 * LAGS), NoHalfLife.BEYOND_SEQUENCE),
    ],
)
def test_no_half_life_and_why(norms: np.ndarray, reason: NoHalfLife) -> None:
    for found in (reported_half_life(norms), summarise_gradient(norms).half_life):
        assert math.isnan(found.steps)
        assert found.reason is reason


def test_a_half_life() -> None:
    assert reported_half_life(2.0 ** (-LAGS / 4)) == (pytest.approx(4), None)
    # Just within the sequence: 99 of 100 steps.
    assert reported_half_life(2.0 ** (-LAGS / 99)).steps == pytest.approx(99)


@pytest.mark.parametrize("norm", [0.3, 1e-200, 7.0])
def test_a_flat_course_has_no_slope_whatever_the_rounding(norm: float) -> None:
    assert fit_gradient(np.full(99, norm)) == (0, 0, 99)


def test_summary_of_a_profile_that_is_no_exponential() -> None:
    """A flat profile with noise has no decay; what it loses from end to end it has."""
    norms = 10.0 ** np.array([0.0, 0.2, -0.2, 0.1, -0.1, 0.3])
    found = summarise_gradient(norms)
    assert math.isnan(found.decay)
    assert found.r_squared == pytest.approx(np.corrcoef(range(6), np.log10(norms))[0, 1] ** 2)
    assert found.decades_lost == pytest.approx(0.3)
    assert math.isnan(summarise_gradient(np.array([0.0, 0.1, 1.0])).r_squared)  # a line through two points always fits
