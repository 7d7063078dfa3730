"""The smallest difference that this many runs find with 80% probability: what an undecided verdict is worth.

Of several tests that Holm's correction makes one family, at 5% over their number, its first step.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import optimize, stats

from rnnbench.analysis.log_rank import DECIMALS, log_rank_scores, score_p_values, seed_scores
from rnnbench.analysis.milestones import StepsToSolve, shared_strata
from rnnbench.analysis.verdict import LEVEL

POWER = 0.8
SIMULATIONS = 400
"""A power of 0.8 has a standard error of 0.02 with these."""
PERMUTATIONS = 999
SMALLEST_RATIO = 0.01
HALVINGS = 12


def detectable_mean_difference(spread: float, pairs: int, level: float = LEVEL) -> float:
    """The mean difference that a paired Student test at this level finds with power 0.8, in the unit of `spread`.

    `spread` is the standard deviation of the differences within pairs. With d = difference / spread, t is noncentral t
    with n - 1 degrees of freedom and noncentrality d sqrt(n). NaN with fewer than two pairs. Source: Cohen, Statistical
    Power Analysis (1988), section 2.3.
    """
    if pairs < 2:
        return math.nan
    critical = float(stats.t.isf(level / 2, pairs - 1))

    def lacking(effect: float) -> float:
        shift = effect * math.sqrt(pairs)
        found: Any = stats.nct.sf(critical, pairs - 1, shift)
        # Rejecting on the wrong side is so rare at large shifts that scipy has NaN for it.
        wrong_side = float(np.nan_to_num(stats.nct.cdf(-critical, pairs - 1, shift)))
        return float(found) + wrong_side - POWER

    largest = 1.0
    while lacking(largest) < 0:
        largest *= 2
    return spread * float(optimize.brentq(lacking, 0, largest))


def detectable_difference_of(differences: Float[np.ndarray, " pairs"], level: float = LEVEL) -> float:
    """The `detectable_mean_difference` with the number and the spread of these differences, in their unit.

    NaN with fewer than two, without any spread, and where some are not finite and so have none.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size < 2 or not np.isfinite(values).all() or np.ptp(values) == 0:
        return math.nan
    return detectable_mean_difference(float(values.std(ddof=1)), values.size, level)


def log_spread(*groups: StepsToSolve) -> float:
    """The standard deviation of the natural logarithm of steps to solve, pooled over the groups and their strata.

    Of a stratum in which all runs solved it is that of the sample (n - 1), else of the normal distribution fitted with
    the others censored at their budget. NaN when no stratum has two different solves.
    """
    total, weights = 0.0, 0
    for runs in (group.of(float(stratum)) for group in groups for stratum in np.unique(group.strata)):
        solves = np.log(runs.steps[runs.solved])
        if solves.size < 2 or np.ptp(solves) == 0:
            continue
        if runs.solved.all():
            variance = float(solves.var(ddof=1))
        else:
            data = stats.CensoredData(uncensored=solves, right=np.log(runs.budgets[~runs.solved]))
            fitted: Any = stats.norm.fit(data)
            variance = float(fitted[1]) ** 2
        total, weights = total + (solves.size - 1) * variance, weights + solves.size - 1
    return math.sqrt(total / weights) if weights else math.nan


def log_rank_power(
    a: StepsToSolve,
    b: StepsToSolve,
    ratio: float,
    spread: float,
    generator: np.random.Generator,
    level: float = LEVEL,
) -> float:
    """The probability that the permutation log-rank test rejects at this level when a takes `ratio` times b's steps.

    Simulated with the runs, strata and budgets of the two groups. Steps are log-normal with standard deviation `spread`
    of their logarithm around the medians of b (of a where b solved none) within strata. A seed's runs at several strata
    are drawn independently: where they go together, power over all strata is less.
    """
    strata, groups = np.concatenate([a.strata, b.strata]), np.repeat([0, 1], [a.steps.size, b.steps.size])
    ends = np.log(np.concatenate([a.budgets, b.budgets]))
    scores = np.zeros((SIMULATIONS, strata.size))
    for stratum in shared_strata(a, b):
        of_b, runs = b.of(stratum), strata == stratum
        middle = math.log(np.median((of_b if of_b.solved.any() else a.of(stratum)).last_steps))
        shifts = np.where(groups[runs] == 0, math.log(ratio), 0.0)
        times = middle + shifts + spread * generator.standard_normal((SIMULATIONS, shifts.size))
        scores[:, runs] = log_rank_scores(np.minimum(times, ends[runs]).round(DECIMALS), times <= ends[runs])
    _, p_values = score_p_values(seed_scores(a, b, scores), SIMULATIONS, generator, PERMUTATIONS)
    return float((p_values <= level).mean())


def detectable_steps_ratio(
    a: StepsToSolve, b: StepsToSolve, generator: np.random.Generator, level: float = LEVEL
) -> float:
    """The ratio of steps to solve below 1, a's over b's, that the log-rank test of these runs finds with power 0.8.

    By bisection on `log_rank_power`, good to about 2%. 0 when not even a hundredth is found, as with three runs in each
    group; NaN when the spread is not known. Raises ValueError on a stratum that only one group has.
    """
    spread = log_spread(a, b)
    if math.isnan(spread):
        return math.nan
    # The same draws at every ratio, so that the power falls with it and not by chance.
    seed = int(generator.integers(2**63))

    def found(ratio: float) -> bool:
        return log_rank_power(a, b, ratio, spread, np.random.default_rng(seed), level) >= POWER

    low, high = math.log(SMALLEST_RATIO), 0.0
    if not found(SMALLEST_RATIO):
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if found(math.exp(middle)) else (low, middle)
    return math.exp(low)
