"""Steps to solve made for the tests, and the error that a simulated fraction has."""

import math

import numpy as np

from rnnbench.analysis.steps_to_solve import StepsToSolve

INF = math.inf


def group(steps: list[float], budget: float, strata: list[float] | None = None) -> StepsToSolve:
    """Runs of one budget; inf for one that did not solve."""
    return StepsToSolve(np.array(steps), np.full(len(steps), budget), np.array(strata or []))


def drawn(
    generator: np.random.Generator, runs: int, medians: list[float], spread: float, budget: float
) -> StepsToSolve:
    """Log-normal steps, one stratum per median; `spread` is the standard deviation of their natural logarithm."""
    steps = np.concatenate([median * np.exp(spread * generator.standard_normal(runs)) for median in medians])
    strata = np.repeat(np.arange(len(medians), dtype=float), runs)
    return StepsToSolve(np.where(steps <= budget, steps, INF), np.full(steps.size, budget), strata)


def binomial_error(fraction: float, repeats: int) -> float:
    """Three standard errors of a simulated fraction."""
    return 3 * math.sqrt(fraction * (1 - fraction) / repeats)
