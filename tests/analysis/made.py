"""Runs and steps to solve made for the analysis, and the error that a simulated fraction has."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.milestones import StepsToSolve
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant


class MadeSource:
    """Histories in a table, and arrays by run and probe; without them none."""

    def __init__(self, histories: pd.DataFrame | None = None, arrays: Callable[[str, str], Any] | None = None) -> None:
        self.table = pd.DataFrame(columns=["run", "step"]) if histories is None else histories
        self.probe = arrays or (lambda run, name: {})

    def histories(self, runs: Any) -> pd.DataFrame:
        return self.table[self.table["run"].isin(runs)]

    def probes(self) -> list[str]:
        return ["gradient_profile"]


def table(*rows: dict[str, Any], **same: Any) -> pd.DataFrame:
    """A run for each row of columns; its loss is half of the baseline's, so that its score is 0.5."""
    default = {
        "status": "done", "task": "adding", "difficulty_setting": "length", "cell": "gru", "seed": 0, "task.length": 10,
        "baseline_loss": 1.0, "test_loss": 0.5, "validation_loss": 0.5, "solved": False, "steps_to_solve": np.nan,
        "train.steps": 1000, "steps_trained": 1000, "diverged_at_step": np.nan, "variant": Variant(),
    }  # fmt: skip
    made = [default | same | row | {"run": f"run{number}"} for number, row in enumerate(rows)]
    return pd.DataFrame([{"difficulty": row["task.length"], **row} for row in made])


def results(*rows: dict[str, Any], **same: Any) -> Results:
    """The same as results."""
    return Results("made", Path(), sorted_runs(table(*rows, **same)), MadeSource())


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
