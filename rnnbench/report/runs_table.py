"""The page's table of runs: each with what it differs in, how it ended, its history and its folder."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from rnnbench.analysis.results import Results
from rnnbench.analysis.several import EXPERIMENT
from rnnbench.analysis.variant import difficulty_columns, setting_columns
from rnnbench.report.labels import number, setting_value
from rnnbench.report.style import CellStyles
from rnnbench.schema import ExperimentFiles, RunFiles
from rnnbench.store.atomic import DamagedFileError, read_bytes

MEASURED = {"steps_trained": "steps", "steps_to_solve": "steps to solve", "test_loss": "test loss"}
"""Columns of numbers with their headings."""
WIDTH, HEIGHT = 90, 18
"""Of a history, in pixels."""
MOST_POINTS = 24


@dataclass(frozen=True)
class Curve:
    """A run's validation loss, as points of a polyline and in words."""

    points: str
    meaning: str
    colour: str


@dataclass(frozen=True)
class RunRow:
    """One run as the page shows it."""

    name: str
    folder: str
    """Address of its folder from the page."""
    texts: list[str]
    """What it differs in, and how it ended."""
    measured: list[str]
    """Numbers."""
    curve: Curve | None
    wandb: str
    """Address of its copy in W&B; "" where none is known."""


@dataclass(frozen=True)
class RunsTable:
    """All runs with the headings of their columns."""

    texts: list[str]
    measured: list[str]
    rows: list[RunRow]
    unread: str
    """Why there are no histories, where they cannot be read."""


def runs_table(results: Results, folder: Path, styles: CellStyles) -> RunsTable:
    """The runs of a page in the folder."""
    runs = results.runs
    texts = [*differing(runs), "status"]
    measured = [column for column in MEASURED if column in runs]
    histories, unread = _histories(results)
    curves = _curves(histories, dict(zip(runs["run"], runs["cell"], strict=True)), styles)
    shown = [column for column in dict.fromkeys(["run", EXPERIMENT, *texts, *measured]) if column in runs]
    rows = [
        RunRow(
            row["run"],
            _address(results, row, folder),
            [_shown(row[column]) for column in texts],
            [number(row[column]) for column in measured],
            curves.get(row["run"]),
            _wandb_address(_files(results, row)),
        )
        for row in runs[shown].to_dict("records")
    ]
    return RunsTable(texts, [MEASURED[column] for column in measured], rows, unread)


def differing(runs: pd.DataFrame) -> list[str]:
    """The columns in which the runs differ by what was asked for: experiment, cell, task, settings and seed.

    A setting of a cell counts where runs of one cell differ in it, and likewise one of a task.
    """
    known = [EXPERIMENT] if EXPERIMENT in runs else []
    columns = [*known, "cell", "task", *difficulty_columns(runs), *setting_columns(runs), "seed"]
    return [column for column in dict.fromkeys(columns) if _most_values(runs, column) > 1]


def _most_values(runs: pd.DataFrame, column: str) -> int:
    """How many values of the column runs have; of a component's setting, runs with the same component."""
    component = column.partition(".")[0]
    if "." in column and component in ("cell", "task"):
        return int(runs.groupby(component)[column].nunique(dropna=False).max())
    return int(runs[column].nunique(dropna=False))


def _shown(value: Any) -> str:
    return setting_value(None if pd.isna(value) else value)


def _address(results: Results, row: Mapping[Any, Any], folder: Path) -> str:
    return quote(Path(os.path.relpath(_files(results, row).folder, folder)).as_posix()) + "/"


def _files(results: Results, row: Mapping[Any, Any]) -> RunFiles:
    root = results.root.parent / row[EXPERIMENT] if EXPERIMENT in row else results.root
    return ExperimentFiles(root).run(row["run"])


def _wandb_address(files: RunFiles) -> str:
    """The address that the run's folder has, where a browser can follow it."""
    if not files.wandb_address.exists():
        return ""
    try:
        address = read_bytes(files.wandb_address).decode().strip()
        split = urlsplit(address)
    except (DamagedFileError, ValueError):  # not text, or no address
        return ""
    return address if split.scheme in ("http", "https") and split.netloc and address.isprintable() else ""


def _histories(results: Results) -> tuple[pd.DataFrame, str]:
    """Finite validation losses, and what is wrong where they cannot be read."""
    nothing = pd.DataFrame({"run": [], "step": [], "validation_loss": []})
    try:
        histories = results.source.histories(results.runs["run"].tolist())
    except DamagedFileError as error:
        return nothing, error.brief
    if "validation_loss" not in histories:
        return nothing, ""
    losses = pd.to_numeric(histories["validation_loss"], errors="coerce")
    return histories[np.isfinite(losses)], ""


def _curves(histories: pd.DataFrame, cells: Mapping[str, str], styles: CellStyles) -> dict[str, Curve]:
    """The curves of the runs with two points or more, on the same axes: logarithmic where all losses are above 0."""
    if histories.empty:
        return {}
    losses = histories["validation_loss"].astype(float)
    logs = np.log10(losses) if (losses > 0).all() else losses
    low, high, last = logs.min(), logs.max(), max(1.0, histories["step"].max())
    table = np.column_stack([
        1 + (WIDTH - 2) * histories["step"] / last,
        1 + (HEIGHT - 2) * (high - logs) / max(1e-9, high - low),
        histories["step"],
        histories["validation_loss"].astype(float),
    ])  # fmt: skip
    colours = {cell: to_hex(styles.of(cell)["color"]) for cell in set(cells.values())}
    return {
        str(run): _curve(table[places].tolist(), colours[cells[str(run)]])
        for run, places in histories.groupby("run", sort=False).indices.items()
        if len(places) > 1
    }


def _curve(rows: Sequence[Sequence[float]], colour: str) -> Curve:
    """Of rows of places in the graphic, step and loss."""
    every = -(-len(rows) // MOST_POINTS)
    kept = [rows[place] for place in sorted({*range(0, len(rows), every), len(rows) - 1})]
    points = " ".join(f"{x:.0f},{y:.1f}" for x, y, *_ in kept)
    (*_, first, loss), (*_, last, last_loss) = rows[0], rows[-1]
    meaning = f"validation loss {number(loss)} at step {number(first)}, {number(last_loss)} at step {number(last)}"
    return Curve(points, meaning, colour)
