"""What W&B gets of a run: names, rows, configuration, summary, tables and charts, as plain values."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rnnbench.schema import DIFFICULTY, IDENTITY, PROVENANCE

Arrays = Mapping[str, "np.ndarray[Any, Any]"]
SECTIONS = ("train", "validation", "confirmation", "gradient")
"""The first words of columns that are sections of their own in W&B."""
LOGGED = (*SECTIONS, "measured", "profile", "speed")
"""The sections of the history. Their last values are in the summary, by their columns."""
LOWER_IS_BETTER = ("train/loss", "validation/loss", "validation/error_rate")
CURVE = "cell_and_task"
"""The key of the configuration by which a dashboard groups runs: what differs beside the seed."""
PROFILE_AXES = ("layer", "time_step")
CHART = {"step": "time_step", "lineKey": "line", "lineVal": "log10"}
"""The columns of a profile's table that its chart draws."""
ID_LENGTH = 64
"""W&B's limit for a run's id. Names of artifacts are made of it and of a table's key, and may have 128."""
TABLE_ROWS = 200_000
"""W&B's limit for the rows of a table."""


def identity(experiment: str, columns: Mapping[str, Any]) -> str:
    """The run's id in its W&B project: the same for every session of the run, another when it is done again.

    Its rows only ever follow those that W&B has. So a run that starts anew, or with other code, is another to W&B.
    """
    name = f"{experiment}-{columns['run']}"
    of = f"{name} {columns.get('started_at')} {columns.get('component_source')}"
    return f"{name[: ID_LENGTH - 9]}-{hashlib.sha256(of.encode()).hexdigest()[:8]}"


def history_key(column: str) -> str:
    """A column of the history with its section: validation_loss is validation/loss."""
    first, _, rest = column.partition("_")
    return f"{first}/{rest}" if first in SECTIONS and rest else f"measured/{column}"


def history_row(row: Mapping[str, float | str], constants: Iterable[str] = ()) -> dict[str, float]:
    """The finite numbers of a row but its step and the constants, which the summary has."""
    without = {"step", *constants}
    return {
        history_key(column): float(value)
        for column, value in row.items()
        if column not in without and not isinstance(value, str) and math.isfinite(value)
    }


def profile_row(arrays: Arrays, axes: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    """Of each profile over time, the top layer's values 0, 1, 2, 4, 8 ... steps before its last step with a value."""
    found: dict[str, float] = {}
    for name, values in arrays.items():
        if axes.get(name) == PROFILE_AXES:
            backwards = values[-1][::-1]
            has_value = np.flatnonzero(np.isfinite(backwards) & (backwards != 0))
            backwards = backwards[has_value[0] if len(has_value) else 0 :]
            lags = (0, *(1 << exponent for exponent in range(32)))
            found |= {f"profile/{name}_{lag}_steps_back": float(backwards[lag]) for lag in lags if lag < len(backwards)}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def configuration(
    settings: Mapping[str, Any], columns: Mapping[str, Any], experiment: str, budget: int | None
) -> dict[str, Any]:
    """Settings as on the command line, what the run is, and its provenance; `columns` are those of its summary."""
    return {
        **settings,
        "experiment": experiment,
        "run": columns["run"],
        "cell_name": columns["cell"],
        "task_name": columns["task"],
        CURVE: _curve(columns),
        "backend": columns["backend"],
        "difficulty_setting": columns.get("difficulty_setting"),
        DIFFICULTY: columns.get(DIFFICULTY),
        "provenance": {name: columns[name] for name in PROVENANCE if name in columns},
        **({} if budget is None else {"parameter_budget": budget}),
    }


def _curve(columns: Mapping[str, Any]) -> str:
    setting, value = columns.get("difficulty_setting"), columns.get(DIFFICULTY)
    return f"{columns['cell']}, {columns['task']}" + (f" {setting}={value}" if setting else "")


def results(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The summary: status and results by their column in runs.csv."""
    elsewhere = (set(IDENTITY) | set(PROVENANCE)) - {"status"}
    found = {name: value for name, value in columns.items() if name not in elsewhere and value not in (None, "")}
    return dict(json.loads(json.dumps(found, default=float)))  # the status as text, numpy's numbers as Python's


def tables(
    arrays: Mapping[str, Sequence[tuple[int, Arrays]]], axes: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Each array of each probe as a table: its key, its columns, and a row per number, with its place along each axis.

    A profile over time has two more columns, for its chart: the line, and the value's log10.
    """
    for probe, measured in arrays.items():
        for name, first in measured[0][1].items():
            along = axes.get(probe, {}).get(name) or tuple(f"axis_{number + 1}" for number in range(first.ndim))
            rows: list[list[Any]] = [
                [step, *(index + 1 for index in place), float(value)]
                for step, values in measured
                for place, value in np.ndenumerate(values[name])
            ][:TABLE_ROWS]
            columns: list[Any] = ["step", *along, name]
            if along == PROFILE_AXES:
                columns += ["line", "log10"]
                rows = [[*row, f"step {row[0]}, layer {row[1]}", _log10(row[3])] for row in rows]
            yield f"{'charts' if along == PROFILE_AXES else 'tables'}/{probe}_{name}", columns, rows


def _log10(value: float) -> float | None:
    return math.log10(value) if 0 < value < math.inf else None
