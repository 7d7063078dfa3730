"""The stratified log-rank test of two groups of steps to solve, with its permutation distribution.

With the d_j solves at step t_j among n_j runs still unsolved just before it, n_aj of them in group a, the test compares
the solves of a with those expected were both groups alike, O - E = sum d_aj - d_j n_aj / n_j, over the strata.

O - E is also the sum over the runs of group a of one score per run, its outcome (1 or 0) minus the pooled Nelson-Aalen
cumulative hazard at its last step, which does not depend on the groups. So its permutation distribution is that of a
sum of scores under all ways to deal them to the two groups. What is dealt are whole seeds: the runs of one seed at
several lengths start from the same weights, so they move together, with the sum of their scores.

Sources: Mantel (1966); Peto & Peto (1972) for the scores; Kalbfleisch & Prentice, The Statistical Analysis of Failure
Time Data (2002), section 1.5 for strata.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnbench.analysis.milestones import StepsToSolve, shared_strata
from rnnbench.analysis.verdict import LEVEL, Verdict, holds_if

MOST_ENUMERATED = 20_000
"""More ways to deal the runs than these are sampled instead: one group of 8 against 8 has 12,870."""
PERMUTATIONS = 9_999
"""With these a p-value of 0.05 has a Monte Carlo standard error of 0.002."""
DECIMALS = 9
"""Of log steps and of sums of scores: what agrees to this many is a tie, which rounding would break."""

Numbers = NDArray[np.float64]


class LogRank(NamedTuple):
    """A log-rank test of group a against group b, two-sided."""

    p_value: float
    """Of O - E under permutation of seeds: exact at every number of runs."""
    smallest_p_value: float
    """The smallest that any outcome without ties can have with so few seeds: the test cannot reject below it."""
    excess: float
    """O - E: above 0 where a solves sooner."""

    @property
    def a_is_sooner(self) -> Verdict:
        """That a takes fewer steps, at 5% and as the only test."""
        return holds_if(self.excess > 0) if self.p_value <= LEVEL else Verdict.UNDECIDED


def log_rank_test(a: StepsToSolve, b: StepsToSolve, generator: np.random.Generator) -> LogRank:
    """The stratified log-rank test of two groups by permutation of whole seeds (see the module).

    Exact when the seeds are exchangeable under the hypothesis, which takes equal budgets; where the groups' largest
    budgets differ, all is cut at the smaller. Seeds that ran at different strata are dealt apart. Up to 20,000 ways to
    deal are enumerated, else PERMUTATIONS are drawn, the observed one counted in. Raises ValueError on a stratum that
    only one group has.

    Level at 5%, 4 strata x 5 seeds, correlation of log steps within a seed 0, 0.3, 0.6: 4.9, 5.1, 5.1% in 1,500
    simulations each; dealing single runs had 5.0, 14.3, 22.2% in 600 (tests/analysis/test_log_rank.py, test_level).
    """
    excess, p_values = permutation_p_values(a, b, np.ones(1), generator)
    nothing = np.zeros((1, a.steps.size + b.steps.size))
    sizes = [(in_a, part.shape[1] - in_a) for in_a, part in seed_scores(a, b, nothing)]
    ways = math.prod(math.comb(in_a + in_b, in_a) for in_a, in_b in sizes)
    balanced = all(in_a == in_b for in_a, in_b in sizes)
    smallest = min(1.0, (2 if balanced else 1) / ways)
    smallest = smallest if ways <= MOST_ENUMERATED else max(smallest, 1 / (PERMUTATIONS + 1))
    return LogRank(float(p_values[0]), smallest, float(excess[0]))


def permutation_p_values(
    a: StepsToSolve, b: StepsToSolve, factors: Numbers, generator: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """O - E and its two-sided permutation p-value with the steps of group a divided by each of the factors.

    Where a takes `factor` times as many steps as b, the divided steps are distributed as those of b up to the smaller
    of the budgets, a's also divided; later solves are cut off there, so that the test stays exact.
    """
    strata = np.concatenate([a.strata, b.strata])
    scores = np.zeros((factors.size, strata.size))
    for stratum in shared_strata(a, b):
        scores[:, strata == stratum] = log_rank_scores(*scaled_steps(a.of(stratum), b.of(stratum), factors))
    return score_p_values(seed_scores(a, b, scores), factors.size, generator, PERMUTATIONS)


def seed_scores(a: StepsToSolve, b: StepsToSolve, scores: Numbers) -> list[tuple[int, Numbers]]:
    """The scores of runs, tests x runs of a and then b, summed over each seed: the seeds of a, and tests x seeds.

    One such part for the seeds of each set of strata, those of a first.
    """
    group = np.repeat([0, 1], [a.steps.size, b.steps.size])
    strata = np.concatenate([a.strata, b.strata])
    seeds, of_run = np.unique(np.stack([group, np.concatenate([a.seeds, b.seeds])]), axis=1, return_inverse=True)
    ran: dict[tuple[float, ...], list[int]] = {}
    for seed in range(seeds.shape[1]):
        ran.setdefault(tuple(np.sort(strata[of_run == seed]).tolist()), []).append(seed)
    return [
        (int((seeds[0, alike] == 0).sum()), scores @ (of_run[:, None] == np.array(alike)).astype(np.float64))
        for alike in ran.values()
    ]


def score_p_values(
    parts: Sequence[tuple[int, Numbers]], tests: int, generator: np.random.Generator, permutations: int
) -> tuple[Numbers, Numbers]:
    """Sums of the scores of group a, and their two-sided permutation p-values, for several tests at once.

    `parts` as from `seed_scores`: how many columns are of a, which come first, and the scores, tests x columns, which
    are dealt within the part. All tests share the permutations.
    """
    observed = sum((part[:, :in_a].sum(axis=1) for in_a, part in parts), np.zeros(tests))
    extreme = np.abs(observed.round(DECIMALS))
    if math.prod(math.comb(part.shape[1], in_a) for in_a, part in parts) <= MOST_ENUMERATED:
        sums = np.zeros((1, tests))
        for in_a, part in parts:
            chosen = np.array(list(combinations(range(part.shape[1]), in_a)), dtype=np.intp).reshape(-1, in_a)
            ways = np.zeros((len(chosen), part.shape[1]))
            np.put_along_axis(ways, chosen, 1, axis=1)
            sums = (sums[:, None] + (ways @ part.T)[None]).reshape(-1, tests)
        return observed, (np.abs(sums.round(DECIMALS)) >= extreme).mean(axis=0)
    sums = np.zeros((permutations, tests))
    for in_a, part in parts:
        of_a = np.broadcast_to(np.arange(part.shape[1]) < in_a, (permutations, part.shape[1])).astype(np.float64)
        sums += generator.permuted(of_a, axis=1) @ part.T
    beyond = (np.abs(sums.round(DECIMALS)) >= extreme).sum(axis=0)
    return observed, (beyond + 1) / (permutations + 1)


def scaled_steps(a: StepsToSolve, b: StepsToSolve, factors: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Log of the last steps and whether solved, factors x runs, a's divided by the factor, cut at the horizon."""
    divided = np.log(a.last_steps) - np.log(factors)[:, None]
    kept = np.broadcast_to(np.log(b.last_steps), (factors.size, b.steps.size))
    times = np.concatenate([divided, kept], axis=1).round(DECIMALS)
    horizons = np.log(a.budgets.max(initial=1)) - np.log(factors)
    horizons = np.minimum(horizons, np.log(b.budgets.max(initial=1))).round(DECIMALS)[:, None]
    solved = np.concatenate([a.solved, b.solved]) & (times <= horizons)
    return np.minimum(times, horizons), solved


def log_rank_scores(times: Numbers, solved: NDArray[np.bool_]) -> Numbers:
    """Outcome minus pooled cumulative hazard of each run, ... x runs."""
    not_before = times[..., :, None] >= times[..., None, :]
    at_risk = not_before.sum(axis=-2)
    hazards = np.where(solved, 1 / at_risk, 0)
    return np.asarray(solved - (not_before * hazards[..., None, :]).sum(axis=-1))
