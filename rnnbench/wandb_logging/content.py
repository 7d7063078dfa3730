"""What W&B gets of a run: names, rows, configuration, summary, tables and charts, as plain values."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
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
RECORD = "record"
"""The key of the summary with a digest of all of it, by which an upload is known to be complete."""
PROFILE_AXES = ("layer", "time_step")
ID_LENGTH = 64
"""W&B's limit for a run's id. Names of artifacts are made of it and of a table's key, and may have 128."""
TABLE_ROWS = 200_000
"""W&B's limit for the rows of a table."""


def identity(experiment: str, columns: Mapping[str, Any]) -> str:
    """The run's id in its W&B project: the same for every session of the run, another when it is done again.

    Its rows only ever follow those that W&B has. So a run that starts anew, or with other code, is another to W&B.
    """
    name = f"{experiment}-{columns['run']}"
    of = _digest(f"{name} {columns.get('started_at')} {columns.get('component_source')}")[:8]
    return f"{name[: ID_LENGTH - 9]}-{of}"


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
    return {
        f"profile/{name}_{lag}_steps_back": float(line[len(line) - 1 - lag])
        for name, values in arrays.items()
        if axes.get(name) == PROFILE_AXES
        for line in [_until_its_end(values[-1])]
        for lag in _lags(len(line))
        if math.isfinite(line[len(line) - 1 - lag])
    }


def _until_its_end(line: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Without what follows the last step that has a value other than 0."""
    has_value = np.isfinite(line) & (line != 0)
    return line[: int(np.flatnonzero(has_value)[-1]) + 1] if has_value.any() else line


def _lags(length: int) -> list[int]:
    """0 and the powers of two that are below the length."""
    return [*[0][:length], *(1 << exponent for exponent in range(max(length - 1, 0).bit_length()))]


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
    """The summary: status and results by their column in runs.csv, and a digest of them."""
    elsewhere = (set(IDENTITY) | set(PROVENANCE)) - {"status"}
    found = {name: value for name, value in columns.items() if name not in elsewhere and value not in (None, "")}
    return {**found, RECORD: _digest(json.dumps(found, sort_keys=True, default=float))}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def tables(
    arrays: Mapping[str, Sequence[tuple[int, Arrays]]], axes: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> list[dict[str, Any]]:
    """Each array of each probe as a table: one row per number, with the step and its place along each axis."""
    found = []
    for probe, measured in arrays.items():
        for name in measured[0][1]:
            rows = [
                [step, *(index + 1 for index in place), float(value)]
                for step, values in measured
                for place, value in np.ndenumerate(values[name])
            ]
            columns = ["step", *_axes(axes, probe, name, measured[0][1][name].ndim), name]
            found.append({"key": f"tables/{probe}_{name}", "columns": columns, "data": rows[:TABLE_ROWS]})
    return found


def _axes(axes: Mapping[str, Mapping[str, tuple[str, ...]]], probe: str, name: str, dimensions: int) -> Sequence[str]:
    return axes.get(probe, {}).get(name) or [f"axis_{number + 1}" for number in range(dimensions)]


def charts(
    arrays: Mapping[str, Sequence[tuple[int, Arrays]]], axes: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> list[dict[str, Any]]:
    """Each profile over time as a chart: the top layer's log10 against time, a line per probed step."""
    found = []
    for probe, measured in arrays.items():
        for name in measured[0][1]:
            if axes.get(probe, {}).get(name) == PROFILE_AXES:
                with np.errstate(divide="ignore", invalid="ignore"):
                    lines = {step: np.log10(values[name][-1]) for step, values in measured}
                found.append(
                    {
                        "key": f"charts/{probe}_{name}",
                        "title": f"log10 of {probe} {name}",
                        "xname": "time step",
                        "xs": [(np.flatnonzero(np.isfinite(line)) + 1).tolist() for line in lines.values()],
                        "ys": [line[np.isfinite(line)].tolist() for line in lines.values()],
                        "keys": [f"step {step}" for step in lines],
                    }
                )
    return found
