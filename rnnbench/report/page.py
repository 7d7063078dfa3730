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

from rnnbench.analysis.archive import EXPERIMENT
from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import difficulty_columns, setting_columns, value_order
from rnnbench.errors import SettingError, one_line
from rnnbench.report.component import Part
from rnnbench.report.labels import incomplete, is_number, number, setting_value
from rnnbench.report.tables.rendering import GAP, Narrow, narrow, number_parts, width, wrapped
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
LETTERS, MOST_COLUMNS = 132, 30
"""Letters that a table's columns have room for; columns of a table that have a style each."""
COLOURS = {"holds": "good", "fails": "bad", "true by construction": "sure", "depends": "mixed", "differs": "mixed"}
"""The looks of the verdicts on claims, by how they begin; others are open."""


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
    found: Sequence[str] = ()
    """What it shows, in sentences."""
    parts: Sequence[Part] = ()


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
    environment.filters |= {"narrow": _narrow, "pieces": _pieces, "columns": _columns, "colour": _colour}
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
        title=results.name.replace("_", " ").capitalize(),
        shown=[table for table in tables if not table.says_nothing],
        silent=[table for table in tables if table.says_nothing],
        found=[sentence for table in tables for sentence in table.found],
        most_columns=MOST_COLUMNS,
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
    names = runs[EXPERIMENT] if EXPERIMENT in runs else [results.root.name] * len(runs)
    roots = [ExperimentFiles(results.root.parent / name) for name in names]
    table = pd.DataFrame({"run": [_links(*of_run, folder) for of_run in zip(roots, runs["run"], strict=True)]})
    for column in [*differing(runs), "status"]:
        table[column] = [setting_value(None if pd.isna(value) else value) for value in runs[column].tolist()]
    for column in filter(runs.columns.__contains__, MEASURED):
        table[MEASURED[column]] = [number(value) for value in runs[column].tolist()]
    return table


def _links(files: ExperimentFiles, run: str, folder: Path) -> Markup:
    """The run's name, which leads to its folder where that is there, and a link to its copy in W&B, if any."""
    of_run = files.run(run)
    link = Markup.escape(run)
    if of_run.folder.is_dir():
        address = quote(Path(os.path.relpath(of_run.folder, folder)).as_posix())
        link = Markup('<a href="{}/">{}</a>').format(address, run)
    if not of_run.wandb_address.exists():
        return link
    wandb = of_run.wandb_address.read_text(encoding="utf-8", errors="replace").strip()
    copy = Markup(' <a href="{}" rel="noreferrer">W&amp;B</a>').format(wandb)
    return link + copy if wandb.startswith("http") else link


def _narrow(table: pd.DataFrame) -> Narrow:
    """The columns that a page is wide enough for, numbers aligned."""
    found = narrow(wrapped(table, LETTERS), LETTERS)
    return found._replace(table=found.table.apply(_aligned), others=found.others.apply(_aligned))


def _pieces(found: Narrow) -> list[pd.DataFrame]:
    """The columns left out, in tables that a page is wide enough for, each with the keys."""
    keys, names = found.others.columns[: found.keys], found.others.columns[found.keys :]
    room = LETTERS - sum(width(found.others[key]) + GAP for key in keys)
    pieces: list[list[str]] = []
    used = room
    for name in names:
        used += width(found.others[name]) + GAP
        if used > room:
            pieces.append([])
            used = width(found.others[name]) + GAP
        pieces[-1].append(name)
    return [found.others[[*keys, *piece]] for piece in pieces]


def _aligned(column: "pd.Series[str]") -> "pd.Series[str]":
    """Numbers with spaces as wide as the digits, commas and points that they lack: points stand below each other."""
    texts = number_parts(column)
    if texts is None:
        return column
    wholes, fractions = (max((text[place] for text in texts), key=len) for place in (0, 1))
    aligned = [
        f"{_blank(wholes[: len(wholes) - len(whole)])}{whole}{fraction}{_blank(fractions[len(fraction) :])} {rest}"
        for whole, fraction, rest in texts
    ]
    return pd.Series([text.rstrip(" ") for text in aligned], column.index)


def _blank(text: str) -> str:
    """Spaces of the widths of the letters: U+2007 is as wide as a digit, U+2008 as a point."""
    return "".join("\u2008" if letter in ",." else "\u2007" for letter in text)


def _columns(table: pd.DataFrame) -> str:
    """The classes of a table by its columns: in `n2` the second holds numbers, in `l2` long text."""
    shown = table.map(lambda text: text.striptags() if isinstance(text, Markup) else str(text))
    kinds = [_kind(column) for _, column in shown.items()]
    return " ".join(f"{kind}{place}" for place, kind in enumerate(kinds, start=1) if kind and place <= MOST_COLUMNS)


def _colour(verdict: str) -> str:
    """The class of a verdict."""
    return next((colour for begin, colour in COLOURS.items() if verdict.startswith(begin)), "open")


def _kind(column: "pd.Series[str]") -> str:
    longest = column.str.len().max()
    if column.any() and all(map(is_number, filter(None, column))) and longest <= LONGEST_NUMBER:
        return "" if column.str.contains(r"[\[(]").any() else "n"
    return "" if longest <= LONGEST_WORD else "l"


def _values(runs: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """All values that the runs have in each of the columns, in order."""
    distinct = {column: sorted(runs[column].dropna().unique().tolist(), key=value_order) for column in columns}
    return {column: ", ".join(map(setting_value, values)) or "none" for column, values in distinct.items()}
