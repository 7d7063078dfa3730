"""Whether the spread of the units' time constants grew with training."""

import math

import numpy as np
from jaxtyping import Float

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.paired import PairedTest, check_pairs, paired_test
from rnnbench.analysis.samples import as_float_array


def spread_change(
    lower_before: Float[np.ndarray, " runs"],
    upper_before: Float[np.ndarray, " runs"],
    lower_after: Float[np.ndarray, " runs"],
    upper_after: Float[np.ndarray, " runs"],
    generator: np.random.Generator,
) -> PairedTest:
    """By what factor the ratio of upper to lower quartile changed from before to after training: above 1 it grew.

    Tested over runs are the differences log(upper/lower) after minus before, so each run is compared with itself; the
    interval is that of their mean as a factor, without unit. Raises ValueError on NaN, infinite or non-positive
    quartiles, on a lower quartile above its upper one and on different numbers of values.
    """
    spreads = []
    for when, lower, upper in (("before", lower_before, upper_before), ("after", lower_after, upper_after)):
        low = as_float_array(lower, f"lower_{when}")
        high = as_float_array(upper, f"upper_{when}")
        check_pairs(low, high, f"upper_{when}")
        if low.size and low.min() <= 0:
            raise ValueError(f"lower_{when}={low.min():g}: must be above 0 (a ratio is taken)")
        if (low > high).any():
            run = int(np.argmax(low > high))
            raise ValueError(f"lower_{when}[{run}]={low[run]:g}: must be at most upper_{when}[{run}]={high[run]:g}")
        spreads.append(np.log(high / low))
    before, after = spreads
    check_pairs(before, after, "lower_after")
    test = paired_test(after - before, generator)
    factor = Interval(*(math.exp(value) for value in (test.interval.estimate, test.interval.low, test.interval.high)))
    return test._replace(interval=factor)
