"""Pairs of cells that can be compared on one task."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from rnnbench.analysis.results import check_once
from rnnbench.analysis.variant import Variant

CELL = ["cell", "variant"]
TASK = ["task", "difficulty_setting"]

PAIR: dict[str, str] = {
    "other_cell": "the cell that it is compared with",
    "other_variant": "that cell's variant",
}


@dataclass(frozen=True, eq=False)
class CellPair:
    """The runs of two cells on one task, at the difficulties that both have."""

    task: str
    difficulty_setting: str
    cell: str
    variant: Variant
    other_cell: str
    other_variant: Variant
    runs: pd.DataFrame
    other_runs: pd.DataFrame

    def identity(self, difficulty: Any) -> dict[str, Any]:
        """The columns that say which pair a row is of, and at which difficulty."""
        task, cells = ({name: getattr(self, name) for name in names} for names in (TASK, (*CELL, *PAIR)))
        return {**task, "difficulty": difficulty, **cells}

    def by_difficulty(self) -> Iterator[tuple[Any, pd.DataFrame, pd.DataFrame]]:
        """Each difficulty with the runs of both cells at it, in the order of the runs."""
        for difficulty in self.runs["difficulty"].unique().tolist():
            a, b = (runs[runs["difficulty"] == difficulty] for runs in (self.runs, self.other_runs))
            yield difficulty, a, b


def cell_pairs(runs: pd.DataFrame) -> Iterator[CellPair]:
    """All pairs of different cells of the same variant on the same task.

    Two cells that share no variant, such as cells of one parameter budget and different widths, are paired whatever
    their variants. Pairs without a difficulty in common are left out. Raises SettingError where a run is there twice.
    """
    check_once(runs)
    for (task, setting), of_task in runs.groupby(TASK, sort=False):
        groups: list[tuple[Any, pd.DataFrame]] = list(of_task.groupby(CELL, sort=False))
        variants = {cell: {key[1] for key, _ in groups if key[0] == cell} for (cell, _), _ in groups}
        for ((cell, variant), a), ((other_cell, other_variant), b) in combinations(groups, 2):
            comparable = variant == other_variant or not variants[cell] & variants[other_cell]
            if cell == other_cell or not comparable:
                continue
            a, b = a[a["difficulty"].isin(b["difficulty"])], b[b["difficulty"].isin(a["difficulty"])]
            if len(a):
                yield CellPair(str(task), str(setting), cell, variant, other_cell, other_variant, a, b)
