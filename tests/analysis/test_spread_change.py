"""The change of a spread with training: by hand, and each verdict on data made for it."""

import math

import numpy as np
import pytest

from rnnbench.analysis.spread_change import spread_change
from rnnbench.analysis.verdict import Verdict, above
from tests.analysis.two_groups import binomial_error


def test_by_hand():
    # Ratios 2 before; 4, 8 and 16 after: the factor is 2, 4, 8, geometric mean 4.
    # s of log2 is 1: mean 2 +- 4.302653/sqrt(3) in powers of 2.
    ones = np.ones(3)
    result = spread_change(ones, 2 * ones, ones, np.array([4.0, 8, 16]), np.random.default_rng(0))
    assert result.interval.estimate == pytest.approx(4)
    assert result.interval.low == pytest.approx(2 ** (2 - 4.302653 / math.sqrt(3)), rel=1e-6)
    assert result.p_value == pytest.approx(1 - math.sqrt(12 / 14))


def test_grew_shrank_and_open():
    generator, ones = np.random.default_rng(0), np.ones(5)
    wide, narrow = 4 + 0.1 * np.arange(5), 1.2 + 0.01 * np.arange(5)
    assert above(spread_change(ones, narrow, ones, wide, generator).interval, 1) is Verdict.HOLDS
    assert above(spread_change(ones, wide, ones, narrow, generator).interval, 1) is Verdict.FAILS
    assert above(spread_change(ones, wide, ones, wide[::-1], generator).interval, 1) is Verdict.UNDECIDED


def test_level():
    generator = np.random.default_rng(1)
    rejected = 0
    for _ in range(400):
        before, after = np.exp(np.abs(generator.standard_normal((2, 5))))
        rejected += spread_change(np.ones(5), before, np.ones(5), after, generator).p_value <= 0.05
    assert rejected / 400 == pytest.approx(0.05, abs=binomial_error(0.05, 400))
