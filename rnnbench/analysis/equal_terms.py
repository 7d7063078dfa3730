"""On what terms cells are compared: the same width, or the same number of parameters."""

import pandas as pd

WIDTH, PARAMETERS = "model.hidden_size", "parameters_recurrent_layers"

TOLERANCE = 0.04
"""Counts within 4% of each other are one budget: each width is solved to within 2% of it."""


def equal_terms(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs on each terms that all cells of the runs meet, by words such as `48 units` or `7,300 parameters`.

    A run may be on several: the cell whose width gave the budget is on both. Raises ValueError on a missing column and
    when the cells meet on no terms.
    """
    for column in (WIDTH, PARAMETERS):
        if column not in runs:
            raise ValueError(f"needs the column {column!r}, which no run has")
    cells = set(runs["cell"])
    found = {}
    for width, group in runs.groupby(WIDTH):
        if set(group["cell"]) == cells:
            found[f"{width:g} units each"] = group
    for count in sorted(runs[PARAMETERS].dropna().unique()):
        group = runs[(runs[PARAMETERS] >= count) & (runs[PARAMETERS] <= count * (1 + TOLERANCE))]
        # With the smallest count of a budget the group is largest; later counts would only lose cells.
        if set(group["cell"]) == cells and not any(set(group["run"]) <= set(other["run"]) for other in found.values()):
            found[f"about {_rounded(group[PARAMETERS].mean())} parameters each"] = group
    if not found:
        raise ValueError("needs cells of one width or one number of parameters; sweep model.parameter_budget")
    return found


def _rounded(count: float) -> str:
    """Two significant digits."""
    return f"{float(f'{count:.2g}'):,.0f}"
