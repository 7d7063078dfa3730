"""Steps to solve made for the tests, and the error that a simulated fraction has."""

import math

import numpy as np

from rnnbench.analysis.milestones import StepsToSolve

INF = math.inf


def group(steps: list[float], budget: float, strata: list[float] | None = None) -> StepsToSolve:
    """Runs of one budget; inf for one that did not solve."""
    return StepsToSolve(np.array(steps), np.full(len(steps), budget), np.array(strata or []))


def drawn(
    generator: np.random.Generator,
    runs: int,
    medians: list[float],
    spread: float,
    budget: float,
    every: float = 1,
    correlation: float = 0,
) -> StepsToSolve:
    """Log-normal steps of as many seeds, one stratum per median; `spread` is the standard deviation of their natural
    logarithm, `correlation` that of a seed's at two strata. Where `every` is above 1, rounded up to its multiples."""
    own, shared = generator.standard_normal((len(medians), runs)), generator.standard_normal(runs) * correlation**0.5
    steps = (np.array(medians)[:, None] * np.exp(spread * (shared + (1 - correlation) ** 0.5 * own))).ravel()
    steps = np.ceil(steps / every) * every if every > 1 else steps
    seeds, strata = (each.ravel().astype(float) for each in np.meshgrid(range(runs), range(len(medians))))
    full = np.full(steps.size, budget)
    return StepsToSolve(np.where(steps <= budget, steps, INF), full, strata, seeds, np.full(steps.size, float(every)))


def binomial_error(fraction: float, repeats: int) -> float:
    """Three standard errors of a simulated fraction."""
    return 3 * math.sqrt(fraction * (1 - fraction) / repeats)
