"""Solvable lengths against hand-computed cases, and how often their interval holds."""

import math

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.solving import longest_solvable_length
from tests.analysis.two_groups import binomial_error


def lengths(outcomes: dict[int, list[bool]]) -> pd.DataFrame:
    rows = [(length, solved) for length, runs in outcomes.items() for solved in runs]
    return pd.DataFrame(rows, columns=["length", "solved"])


def test_longest_solvable_length_by_hand():
    # Half solve length 20, none 40; 80 comes after a gap and does not count. Resampled, length 20 has 2, 1 or 0
    # successes with probability 1/4, 1/2, 1/4, so the result is 20 in 3/4 of the resamples and 10 in 1/4.
    table = lengths({80: [True, True], 10: [True, True], 40: [False, False], 20: [True, False]})
    generator = np.random.default_rng(0)
    assert longest_solvable_length(table, generator) == Interval(20, 10, 20)
    assert longest_solvable_length(table, generator, fraction=0.51).estimate == 10


def test_longest_solvable_length_at_the_ends():
    generator = np.random.default_rng(0)
    assert longest_solvable_length(lengths({10: [False] * 5}), generator) == Interval(0, 0, 0)
    assert longest_solvable_length(lengths({10: [True] * 5, 20: [True] * 5}), generator) == Interval(20, 20, 20)


def test_longest_solvable_length_of_one_and_no_run():
    generator = np.random.default_rng(0)
    one = longest_solvable_length(lengths({10: [True, True], 20: [True], 40: [False]}), generator)
    assert one.estimate == 20
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(longest_solvable_length(lengths({}), generator).estimate)


def test_longest_solvable_length_is_reproducible():
    table = lengths({10: [True, True, False], 20: [True, False, True], 40: [False, True, False]})
    first, second = (longest_solvable_length(table, np.random.default_rng(5), resamples=3) for _ in range(2))
    assert first == second


def test_the_interval_of_the_longest_length_covers_from_five_runs_on():
    # The fraction that solves falls through one half between 40 and 80. Lengths are few: coverage above nominal.
    generator = np.random.default_rng(23)
    rates, tested, repeats, covered = [0.95, 0.85, 0.65, 0.35, 0.15, 0.05], [10, 20, 40, 80, 160, 320], 300, 0
    for _ in range(repeats):
        outcomes = {length: list(generator.random(5) < rate) for length, rate in zip(tested, rates, strict=True)}
        result = longest_solvable_length(lengths(outcomes), generator, resamples=500)
        covered += result.low <= 40 <= result.high
    assert covered / repeats >= 0.95 - binomial_error(0.95, repeats)
