"""Pairs of cells that can be compared on one task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import check_once
from rnnbench.analysis.verdict import EQUIVALENCE, Verdict, equivalences_corrected, holm_corrected
from rnnbench.errors import SettingError
from rnnbench.schema import TASK_GROUP

CELL = ["cell", "variant"]

PAIR: dict[str, str] = {
    "other_cell": "the cell that it is compared with",
    "other_variant": "that cell's variant",
}


Pair = tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]
"""The columns that name a pair, the difficulty to be filled in, and the runs of each cell."""


def cell_pairs(runs: pd.DataFrame) -> Iterator[Pair]:
    """All pairs of different cells of the same variant on the same task, at the difficulties that both have.

    Two cells that share no variant, such as cells of one parameter budget and different widths, are paired whatever
    their variants. Raises SettingError where a run is there twice.
    """
    check_once(runs)
    for task, of_task in runs.groupby(TASK_GROUP[:2], sort=False):
        groups: list[tuple[Any, pd.DataFrame]] = list(of_task.groupby(CELL, sort=False))
        variants = {cell: {key[1] for key, _ in groups if key[0] == cell} for (cell, _), _ in groups}
        for (one, a), (other, b) in combinations(groups, 2):
            comparable = one[1] == other[1] or not variants[one[0]] & variants[other[0]]
            if one[0] == other[0] or not comparable:
                continue
            a, b = a[a["difficulty"].isin(b["difficulty"])], b[b["difficulty"].isin(a["difficulty"])]
            if len(a):
                yield dict(zip([*TASK_GROUP, *CELL, *PAIR], [*task, "", *one, *other], strict=True)), a, b


def by_difficulty(pair: Pair) -> Iterator[Pair]:
    """The pair at each difficulty, in the order of the runs."""
    names, *both = pair
    for difficulty in both[0]["difficulty"].unique().tolist():
        a, b = (runs[runs["difficulty"] == difficulty] for runs in both)
        yield names | {"difficulty": difficulty}, a, b


def corrected(rows: Sequence[dict[str, Any]], difference: str) -> list[dict[str, Any]]:
    """A table's rows with Holm's correction over those that were tested, and the verdicts as text.

    The verdict on a difference is in the column of that name, with `p_value`, and that on equivalence in `equivalent`,
    with its p-value at the margins in `equivalent_p_holm`.
    """
    p_values, p_margins = ([row[name] for row in rows] for name in ("p_value", "equivalent_p_holm"))
    tested = [Verdict.NOT_MEASURED if np.isnan(row["p_value"]) else row[difference] for row in rows]
    differs = holm_corrected(tested, p_values)
    # Differences that all agree have a p-value by sign flips alone, which does not know their size.
    p_none = np.where(np.isnan(p_margins), np.nan, p_values).tolist()
    equivalent, _ = equivalences_corrected([row["equivalent"] for row in rows], p_margins, p_none)
    return [
        row
        | {"p_holm": float(p_value), difference: verdict.value}
        | {"equivalent": EQUIVALENCE[is_equivalent], "equivalent_p_holm": float(p_margin)}
        for row, verdict, p_value, is_equivalent, p_margin in zip(rows, *differs, *equivalent, strict=True)
    ]


WIDTH, PARAMETERS = "model.hidden_size", "parameters_recurrent_layers"

TOLERANCE = 0.04
"""Counts within 4% of each other are one budget: each width is solved to within 2% of it."""


@dataclass(frozen=True)
class Match:
    """The column in which cells match, WIDTH or PARAMETERS, and its value; of PARAMETERS the mean over the runs."""

    column: str
    value: float


def matched_comparisons(runs: pd.DataFrame) -> dict[Match, pd.DataFrame]:
    """The runs of each width, and of each number of parameters, that all cells of the runs have.

    A run may be in several: the cell whose width gave the budget is in both. Raises SettingError on a missing column,
    and when the cells match in nothing.
    """
    for column in (WIDTH, PARAMETERS):
        if column not in runs:
            raise SettingError(f"needs the column {column!r}, which no run has")
    cells = set(runs["cell"])
    found = {
        Match(WIDTH, float(str(width))): group for width, group in runs.groupby(WIDTH) if set(group["cell"]) == cells
    }
    for count in sorted(runs[PARAMETERS].dropna().unique()):
        group = runs[(runs[PARAMETERS] >= count) & (runs[PARAMETERS] <= count * (1 + TOLERANCE))]
        # With the smallest count of a budget the group is largest; later counts would only lose cells.
        if set(group["cell"]) == cells and not any(set(group["run"]) <= set(other["run"]) for other in found.values()):
            found[Match(PARAMETERS, float(group[PARAMETERS].mean()))] = group
    if not found:
        raise SettingError("needs cells of one width or one number of parameters; sweep model.parameter_budget")
    return found
