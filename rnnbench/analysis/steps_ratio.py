"""How many times as many steps one group of runs takes to solve its task as another, with a 95% interval.

The model is that of accelerated failure times: within each stratum, dividing the steps of group a by the ratio gives
the distribution of group b. The interval holds the ratios that the stratified log-rank test of the divided steps does
not reject by permutation, and the estimate is the ratio at which O - E changes sign.

Sources: Wei & Gail, Nonparametric estimation for a scale-change with censored observations (JASA 78, 1983); Hodges &
Lehmann (1963) for the estimate; Kalbfleisch & Prentice (2002), chapter 7.
"""

import math

import numpy as np

from rnnbench.analysis.intervals import CONFIDENCE, Interval, mean_interval
from rnnbench.analysis.log_rank import DECIMALS, Numbers, permutation_p_values
from rnnbench.analysis.milestones import StepsToSolve, shared_strata
from rnnbench.analysis.verdict import Verdict, within

FACTOR = 1.5
"""Steps to solve within this factor of each other count as equivalent; a convention, stated with every verdict."""

TIME_ERROR = 0.002
"""Of the 5% that a ratio of times may err, what is spent on the time of a step."""

DRAWS = 5
"""Of the steps between two evaluations: an odd number, so that a median is one of them."""

RATIOS_AT_ONCE = 64
"""Bounds the memory for the sums of all permutations."""


def steps_ratio(
    a: StepsToSolve, b: StepsToSolve, generator: np.random.Generator, confidence: float = CONFIDENCE
) -> Interval:
    """The ratio of steps to solve, a's over b's: 0.5 when a takes half as many. No unit.

    Of exact steps that are a ratio apart, and independent between the groups, it covers at least `confidence` whatever
    their distribution, when budgets within a stratum and group are equal. The bounds are the outermost ratios that are
    not rejected; open, 0 or inf, when none on that side is: with few solved runs, and always with three seeds in each.
    NaN estimate: no run solved. Raises ValueError on a stratum that only one group has.

    Steps are known to the evaluation at which a run had solved: each is drawn from those since the evaluation before,
    DRAWS times, and of estimates and bounds the median is taken. Coverage at ratio 3, median 200 steps of b, evaluated
    every 100, log spread 0.3, 5 and 8 runs: 0.96 and 0.97; with 5 runs the steps taken as exact had 0.92
    (tests/analysis/test_steps_ratio.py, test_coverage).
    """
    found = [_exact_ratio(*pair, generator, confidence) for pair in drawn_steps(a, b, generator)]
    return Interval(*np.median([(each.estimate, each.low, each.high) for each in found], axis=0).tolist())


def drawn_steps(
    a: StepsToSolve, b: StepsToSolve, generator: np.random.Generator
) -> list[tuple[StepsToSolve, StepsToSolve]]:
    """Both groups with steps drawn from those between two evaluations, DRAWS times; as they are where exact."""
    if (np.concatenate([a.every, b.every]) == 1).all():
        return [(a, b)]
    return [(a.drawn(generator), b.drawn(generator)) for _ in range(DRAWS)]


def _exact_ratio(a: StepsToSolve, b: StepsToSolve, generator: np.random.Generator, confidence: float) -> Interval:
    ratios, lefts, rights = _distinct_ratios(a, b)
    if ratios.size == 0:
        return Interval(math.nan)
    # One state for all ratios: the same permutations, so that neighbours do not differ by chance.
    seed = int(generator.integers(2**63))
    tests = [
        permutation_p_values(a, b, part, np.random.default_rng(seed))
        for part in np.array_split(ratios, math.ceil(ratios.size / RATIOS_AT_ONCE))
    ]
    differences, p_values = (np.concatenate(parts) for parts in zip(*tests, strict=True))
    kept = p_values > 1 - confidence
    if not kept.any():
        kept = p_values == p_values.max()
    return Interval(_sign_change(differences, lefts, rights), float(lefts[kept].min()), float(rights[kept].max()))


def steps_equivalence(
    a: StepsToSolve, b: StepsToSolve, generator: np.random.Generator
) -> tuple[Interval, Verdict, float]:
    """That the steps to solve of two groups are within FACTOR of each other: the ratio, the verdict and the p-value.

    The verdict is that of the interval of `steps_ratio`. The p-value, for a correction over several cases, is the
    larger of those by permutation at 1/FACTOR and FACTOR, small both for equivalence and for a difference beyond it.
    Raises ValueError as `steps_ratio` does.
    """
    ratio = steps_ratio(a, b, generator)
    if a.steps.size == 0:
        return ratio, Verdict.UNDECIDED, 1.0
    margins = np.array([1 / FACTOR, FACTOR])
    draws = drawn_steps(a, b, generator)
    p_values = [permutation_p_values(*pair, margins, generator)[1].max() for pair in draws]
    return ratio, within(ratio, 1 / FACTOR, FACTOR), float(np.median(p_values))


def time_ratio(
    a: StepsToSolve, b: StepsToSolve, log_step_times: Numbers, generator: np.random.Generator
) -> tuple[Interval, float]:
    """The ratio of times to solve, a's over b's, steps times the time of a step, and the p-value of its being 1.

    `log_step_times`: natural logarithms of a's time of a step over b's, one for each process that timed both. Their
    mean has Student's interval at TIME_ERROR; the bounds are products with those of the steps at the rest of 5%, and
    the p-value is the largest of any ratio in it, plus TIME_ERROR (Berger & Boos 1994). NaN bounds and p-value of fewer
    than two times.

    Coverage at ratio 0.7 of steps, 0.75 of times with log spread 0.1, 5 runs and 8 times: 0.99 in 300 simulations;
    level at a ratio of 1: 0.7% (tests/analysis/test_steps_ratio.py, test_times).
    """
    times = mean_interval(log_step_times, 1 - TIME_ERROR).map(math.exp)
    steps = steps_ratio(a, b, generator, confidence=CONFIDENCE + TIME_ERROR)
    ratio = Interval(*(getattr(steps, name) * getattr(times, name) for name in ("estimate", "low", "high")))
    if math.isnan(times.low) or not a.steps.size:
        return ratio, math.nan
    p_values = []
    for pair in drawn_steps(a, b, generator):
        excess, of_ends = permutation_p_values(*pair, 1 / np.array([times.high, times.low]), generator)
        p_values.append(of_ends.max() if excess.min() > 0 or excess.max() < 0 else 1.0)
    return ratio, min(1.0, float(np.median(p_values)) + TIME_ERROR)


def _distinct_ratios(a: StepsToSolve, b: StepsToSolve) -> tuple[Numbers, Numbers, Numbers]:
    """Ratios that stand for all, ascending, with the bounds of the range for which each stands.

    The test changes only where a divided step of a passes one of b: these, and one between each two.
    """
    passing = [np.zeros(0)]
    for stratum in shared_strata(a, b):
        of_a, of_b = a.of(stratum), b.of(stratum)
        steps_a, steps_b = (np.unique([group.last_steps, group.budgets]) for group in (of_a, of_b))
        passing.append((steps_a[:, None] / steps_b).ravel())
    edges = np.unique(np.concatenate(passing))
    if edges.size == 0:
        return edges, edges, edges
    edges = edges[np.concatenate([[True], np.diff(np.log(edges)) > 10.0**-DECIMALS])]
    between = np.sqrt(edges[1:] * edges[:-1])
    lefts = np.concatenate([[0.0], np.repeat(edges, 2)])
    rights = np.concatenate([np.repeat(edges, 2), [math.inf]])
    ratios = np.empty(2 * edges.size + 1)
    ratios[1::2], ratios[2:-1:2] = edges, between
    ratios[0], ratios[-1] = edges[0] / 2, edges[-1] * 2
    return ratios, lefts, rights


def _sign_change(differences: Numbers, lefts: Numbers, rights: Numbers) -> float:
    """The middle, on the log scale, between the last ratio with O - E < 0 and the first with O - E > 0."""
    below, above = differences.round(DECIMALS) < 0, differences.round(DECIMALS) > 0
    if not (below.any() and above.any()):
        return math.inf if below.any() else 0.0 if above.any() else math.nan
    return math.sqrt(rights[below].max() * lefts[above].min())
