"""Wrong input of a statistic is refused by the name and value of what is wrong."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.aggregates import interquartile_mean, normalised_score, performance_profile
from rnnbench.analysis.degenerate import exact_rate, improvement_interval
from rnnbench.analysis.equivalence import within_factor, within_margin
from rnnbench.analysis.exponential_decay import exponential_test, half_slopes
from rnnbench.analysis.horizon import lengths
from rnnbench.analysis.intervals import Interval, mean_interval, median_interval, paired_difference, quartiles
from rnnbench.analysis.matched_comparisons import matched_comparisons
from rnnbench.analysis.multiplicity import corrected, holm
from rnnbench.analysis.paired import absolute_difference, paired_test
from rnnbench.analysis.power import detectable_mean_difference, detectable_steps_ratio
from rnnbench.analysis.solving import longest_solvable_length
from rnnbench.analysis.spread_change import spread_change
from rnnbench.analysis.verdict import Verdict
from tests.analysis.made import table
from tests.analysis.two_groups import group

INF, NAN = math.inf, math.nan
RANDOM = np.random.default_rng(0)
ONE, TWO = np.ones(1), np.ones(2)
SOLVED = pd.DataFrame({"length": [10, 10], "solved": [True, False]})
PERMUTED = {"task": "digits", "difficulty_setting": "permuted", "difficulty": True}

REFUSED: dict[str, Callable[[], object]] = {
    "task=digits": lambda: lengths(table(PERMUTED)),
    "needs the column 'model.hidden_size'": lambda: matched_comparisons(table({})),
    "table.columns=['length']": lambda: longest_solvable_length(SOLVED[["length"]], RANDOM),
    "length=-10": lambda: longest_solvable_length(SOLVED.replace(10, -10), RANDOM),
    "fraction=0": lambda: longest_solvable_length(SOLVED, RANDOM, fraction=0),
    "fraction=1.5": lambda: longest_solvable_length(SOLVED, RANDOM, fraction=1.5),
    "fraction=nan": lambda: longest_solvable_length(SOLVED, RANDOM, fraction=NAN),
    "resamples=0": lambda: longest_solvable_length(SOLVED, RANDOM, resamples=0),
    "margin=0": lambda: within_margin(Interval(0.0), 0),
    "factor=1": lambda: within_factor(Interval(0.0), 1),
    "p_values[1]=nan": lambda: holm(np.array([0.1, NAN])),
    "p_values=1.5": lambda: holm(np.array([1.5])),
    "p_values.size=1": lambda: corrected([Verdict.HOLDS, Verdict.FAILS], ONE),
    "baseline=0": lambda: normalised_score(ONE, np.array([1.0, 0])),
    "baseline=-1": lambda: normalised_score(ONE, np.array([1.0, -1])),
    "baseline=nan": lambda: normalised_score(ONE, np.array([1.0, NAN])),
    "baseline=inf": lambda: normalised_score(ONE, np.array([1.0, INF])),
    "scores.shape=(3,)": lambda: interquartile_mean(np.zeros(3), RANDOM),
    "scores[1, 0]=nan": lambda: interquartile_mean(np.array([[0.5], [NAN]]), RANDOM),
    "thresholds[0]=nan": lambda: performance_profile(np.zeros((2, 3)), np.array([NAN]), RANDOM),
    "resamples=0: ": lambda: interquartile_mean(np.zeros((2, 3)), RANDOM, resamples=0),
    "a[0]=nan": lambda: improvement_interval(np.array([NAN]), ONE),
    "outcomes.dtype=float64": lambda: exact_rate(TWO),
    "spread=-1": lambda: detectable_mean_difference(-1, 5),
    "power=1": lambda: detectable_steps_ratio(group([1], 9), group([1], 9), RANDOM, power=1),
    "norms[1]=nan": lambda: half_slopes(np.array([1, NAN])),
    "norms=-1": lambda: half_slopes(np.array([1.0, -1])),
    "margin=0: ": lambda: exponential_test(np.ones((1, 9)), margin=0),
    "a.index=7": lambda: paired_difference(pd.Series(TWO, index=[7, 7]), pd.Series(ONE, index=[7])),
    "b[0]=nan": lambda: paired_difference(pd.Series(ONE), pd.Series([NAN])),
    "values[1]=nan": lambda: mean_interval(np.array([1.0, NAN])),
    "values[0]=inf": lambda: mean_interval(np.array([INF])),
    "values[0]=-inf": lambda: median_interval(np.array([-INF])),
    "values.shape=(2, 2)": lambda: quartiles(np.zeros((2, 2))),
    "upper_after[0]=inf": lambda: spread_change(TWO, TWO, TWO, TWO * INF, RANDOM),
    "lower_before=0": lambda: spread_change(0 * TWO, TWO, TWO, TWO, RANDOM),
    "lower_before[0]=2": lambda: spread_change(2 * TWO, TWO, TWO, TWO, RANDOM),
    "lower_after.size=1": lambda: spread_change(TWO, TWO, ONE, ONE, RANDOM),
    "differences[1]=nan": lambda: paired_test(np.array([1, NAN]), RANDOM),
    "b.size=1": lambda: absolute_difference(TWO, ONE, RANDOM),
}


@pytest.mark.parametrize("named", REFUSED)
def test_what_is_wrong_is_named(named: str) -> None:
    with pytest.raises(ValueError, match=r"^\S") as error:
        REFUSED[named]()
    assert str(error.value).startswith(named)
