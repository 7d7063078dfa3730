"""The page's table of runs: each with what it differs in, how it ended, and links to its folder and to W&B."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd
from markupsafe import Markup

from rnnbench.analysis.combined import EXPERIMENT
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import difficulty_columns, setting_columns
from rnnbench.report.labels import number, setting_value
from rnnbench.schema import ExperimentFiles, RunFiles
from rnnbench.store.atomic import DamagedFileError, read_bytes

MEASURED = {"steps_trained": "steps", "steps_to_solve": "steps to solve", "test_loss": "test loss"}
"""Columns of numbers with their headings."""


def runs_table(results: Results, folder: Path) -> pd.DataFrame:
    """One row for each run, as text; the run's name is a link, from a page in the folder."""
    runs = results.runs
    table = pd.DataFrame({"run": [_links(results, row, folder) for row in _places(runs)]})
    for column in [*differing(runs), "status"]:
        table[column] = [setting_value(None if pd.isna(value) else value) for value in runs[column].tolist()]
    for column in filter(runs.columns.__contains__, MEASURED):
        table[MEASURED[column]] = [number(value) for value in runs[column].tolist()]
    return table


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


def _places(runs: pd.DataFrame) -> list[dict[Any, Any]]:
    return runs[[column for column in ("run", EXPERIMENT) if column in runs]].to_dict("records")


def _links(results: Results, row: Mapping[Any, Any], folder: Path) -> Markup:
    """The run's name, which leads to its folder, and a link to its copy in W&B, if any."""
    root = results.root.parent / row[EXPERIMENT] if EXPERIMENT in row else results.root
    files = ExperimentFiles(root).run(row["run"])
    address = quote(Path(os.path.relpath(files.folder, folder)).as_posix())
    link = Markup('<a href="{}/">{}</a>').format(address, row["run"])
    wandb = _wandb_address(files)
    return link + Markup(' <a href="{}" rel="noreferrer">W&amp;B</a>').format(wandb) if wandb else link


def _wandb_address(files: RunFiles) -> str:
    """The address that the run's folder has, where a browser can follow it; "" otherwise."""
    if not files.wandb_address.exists():
        return ""
    try:
        address = read_bytes(files.wandb_address).decode().strip()
        split = urlsplit(address)
    except (DamagedFileError, ValueError):  # not text, or no address
        return ""
    return address if split.scheme in ("http", "https") and split.netloc and address.isprintable() else ""
