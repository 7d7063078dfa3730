"""Wrong input of a statistic is refused by the name and value of what is wrong."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from rnnbench.analysis.exponential_decay import half_slopes
from rnnbench.analysis.horizon import lengths
from rnnbench.analysis.intervals import Interval, improvement_interval, mean_interval, median_interval
from rnnbench.analysis.matched_comparisons import matched_comparisons
from rnnbench.analysis.paired import paired_test
from rnnbench.analysis.scoring import interquartile_mean, performance_profile
from rnnbench.analysis.verdict import holm, within_margin
from tests.analysis.made import table

NAN = math.nan
RANDOM = np.random.default_rng(0)
PERMUTED = {"task": "digits", "difficulty_setting": "permuted", "difficulty": True}

REFUSED: dict[str, Callable[[], object]] = {
    "task=digits": lambda: lengths(table(PERMUTED)),
    "needs the column 'model.hidden_size'": lambda: matched_comparisons(table({})),
    "margin=0": lambda: within_margin(Interval(0.0), 0),
    "p_values[1]=nan": lambda: holm(np.array([0.1, NAN])),
    "p_values=1.5": lambda: holm(np.array([1.5])),
    "scores.shape=(3,)": lambda: interquartile_mean(np.zeros(3), RANDOM),
    "scores[1, 0]=nan": lambda: interquartile_mean(np.array([[0.5], [NAN]]), RANDOM),
    "thresholds[0]=nan": lambda: performance_profile(np.zeros((2, 3)), np.array([NAN]), RANDOM),
    "a[0]=nan": lambda: improvement_interval(np.array([NAN]), np.ones(1)),
    "norms[1]=nan": lambda: half_slopes(np.array([1, NAN])),
    "values[1]=nan": lambda: mean_interval(np.array([1.0, NAN])),
    "values[0]=-inf": lambda: median_interval(np.array([-math.inf])),
    "differences[1]=nan": lambda: paired_test(np.array([1, NAN]), RANDOM),
}


@pytest.mark.parametrize("named", REFUSED)
def test_what_is_wrong_is_named(named: str) -> None:
    with pytest.raises(ValueError, match=r"^\S") as error:
        REFUSED[named]()
    assert str(error.value).startswith(named)
