"""The page of an experiment: one HTML file with its tables and figures, what was run, and how to run it again."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.combined import EXPERIMENT
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import difficulty_columns, setting_columns
from rnnbench.errors import SettingError, one_line
from rnnbench.report.labels import incomplete, is_number, number, setting_value
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import write_text

MEASURED = {"steps_trained": "steps", "steps_to_solve": "steps to solve", "test_loss": "test loss"}
"""Columns of numbers in the table of runs, with their headings."""
MACHINE = (
    "rnnbench_version", "git_commit", "python_version", "torch_version", "numpy_version", "platform", "processor",
    "cpu_family", "cpu_model", "vector_width_bits",
)  # fmt: skip
LONGEST_NUMBER, LONGEST_WORD = 48, 24
"""Letters of a number with its bounds, and of text, that stand in one line."""


@dataclass(frozen=True)
class Tabled:
    """A table as the page shows it."""

    name: str
    title: str
    formatted: pd.DataFrame
    note: str
    files: list[Path]
    warning: str = ""
    """What is to be known before it is read."""
    says_nothing: str = ""
    """Why it is not shown."""


@dataclass(frozen=True)
class Drawn:
    """A figure as the page shows it."""

    name: str
    title: str
    caption: list[str]
    """Paragraphs."""
    picture: str
    """A data URI."""
    alternative: str
    """What the picture shows, in words."""
    files: list[Path]


@dataclass(frozen=True)
class Failed:
    """A table or figure that could not be made."""

    name: str
    error: Exception

    @property
    def reason(self) -> str:
        """The error in one line; of a bug, whose message alone is less clear, with its type."""
        kind = "" if isinstance(self.error, SettingError) else f"{type(self.error).__name__}: "
        return f"{self.name}: {kind}{one_line(self.error)}"


def svg_uri(canvas: Canvas) -> str:
    """The figure as matplotlib writes it, an SVG file, in a data URI."""
    file = io.StringIO()
    canvas.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    return "data:image/svg+xml," + quote(" ".join(file.getvalue().split()), safe=" /:=;,()+!*?-")


def write_page(
    results: Results,
    folder: Path,
    tables: Sequence[Tabled],
    figures: Sequence[Drawn],
    failed: Sequence[Failed],
    only: Mapping[str, Sequence[Any]],
    command: str,
    description: str,
) -> None:
    """Write `report.html` in the folder: of runs that are limited by `only`, made again by the command."""
    runs = results.runs
    environment = Environment(
        loader=PackageLoader("rnnbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["kinds"] = _kinds
    text = environment.get_template("report.html.jinja").render(
        tables=tables,
        figures=figures,
        results=results,
        description=description,
        command=command,
        only="; ".join(f"{column} {', '.join(map(setting_value, each))}" for column, each in only.items()),
        incomplete=incomplete(results),
        failed=[each.reason for each in failed],
        counts=", ".join(f"{count} {status}" for status, count in sorted(runs["status"].value_counts().items())),
        grid=_values(runs, differing(runs)),
        settings=_values(runs, [*setting_columns(runs), *difficulty_columns(runs)]),
        machine=_values(runs, [column for column in MACHINE if column in runs]),
        commands=sorted(runs["command_line"].dropna().unique()) if "command_line" in runs else [],
        runs=_table_of_runs(results, folder),
    )
    write_text(ExperimentFiles(folder).report, text)


def differing(runs: pd.DataFrame) -> list[str]:
    """The columns in which the runs differ by what was asked for: experiment, cell, task, settings and seed.

    A setting of a cell counts where runs of one cell differ in it, and likewise one of a task.
    """
    columns = [EXPERIMENT, "cell", "task", *difficulty_columns(runs), *setting_columns(runs), "seed"]
    return [column for column in dict.fromkeys(columns) if column in runs and _most_values(runs, column) > 1]


def _most_values(runs: pd.DataFrame, column: str) -> int:
    """How many values of the column runs have; of a component's setting, runs with the same component."""
    component = column.partition(".")[0]
    if "." in column and component in ("cell", "task"):
        return int(runs.groupby(component)[column].nunique(dropna=False).max())
    return int(runs[column].nunique(dropna=False))


def _table_of_runs(results: Results, folder: Path) -> pd.DataFrame:
    """One row for each run, as text; the run's name is a link, from a page in the folder."""
    runs = results.runs
    roots = (
        [results.root.parent / name for name in runs[EXPERIMENT]] if EXPERIMENT in runs else [results.root] * len(runs)
    )
    links = [_links(ExperimentFiles(root), run, folder) for root, run in zip(roots, runs["run"], strict=True)]
    table = pd.DataFrame({"run": links})
    for column in [*differing(runs), "status"]:
        table[column] = [setting_value(None if pd.isna(value) else value) for value in runs[column].tolist()]
    for column in filter(runs.columns.__contains__, MEASURED):
        table[MEASURED[column]] = [number(value) for value in runs[column].tolist()]
    return table


def _links(files: ExperimentFiles, run: str, folder: Path) -> Markup:
    """The run's name, which leads to its folder, and a link to its copy in W&B, if any."""
    of_run = files.run(run)
    address = quote(Path(os.path.relpath(of_run.folder, folder)).as_posix())
    link = Markup('<a href="{}/">{}</a>').format(address, run)
    if not of_run.wandb_address.exists():
        return link
    wandb = of_run.wandb_address.read_text(encoding="utf-8", errors="replace").strip()
    return (
        link + Markup(' <a href="{}" rel="noreferrer">W&amp;B</a>').format(wandb) if wandb.startswith("http") else link
    )


def _kinds(table: pd.DataFrame) -> dict[str, str]:
    """Headings with the class of their column: numbers stand to the right, long text is wrapped."""
    return {str(heading): _kind(column.astype(str)) for heading, column in table.items()}


def _kind(column: "pd.Series[str]") -> str:
    longest = column.str.len().max()
    if longest <= LONGEST_NUMBER and column.any() and all(map(is_number, filter(None, column))):
        return "number"
    return "" if longest <= LONGEST_WORD else "long"


def _values(runs: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """All values that the runs have in each of the columns."""
    distinct = {column: runs[column].dropna().unique().tolist() for column in columns}
    return {column: ", ".join(map(setting_value, values)) or "none" for column, values in distinct.items()}
