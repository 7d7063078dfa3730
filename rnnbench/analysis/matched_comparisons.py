"""Groups of runs whose cells can be compared because they match in width, or in number of parameters."""

from dataclasses import dataclass

import pandas as pd

from rnnbench.errors import SettingError

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
