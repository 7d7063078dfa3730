"""The page of an experiment: one HTML file with its tables and figures, what was run, and how to run it again."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import difficulty_columns, setting_columns
from rnnbench.errors import SettingError, one_line
from rnnbench.report.incomplete import incomplete
from rnnbench.report.labels import is_number, setting_value
from rnnbench.report.runs_table import differing, runs_table
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import write_text

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
    brief: pd.DataFrame
    intervals: str
    files: list[Path]
    alike: str = ""
    """Which rows the columns do not tell apart."""


@dataclass(frozen=True)
class Drawn:
    """A figure as the page shows it."""

    title: str
    name: str
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
        return f"{kind}{one_line(self.error)}"


@dataclass(frozen=True)
class Contents:
    """What a page holds in addition to what it says of the runs."""

    tables: Sequence[Tabled]
    figures: Sequence[Drawn]
    failed: Sequence[Failed]
    command: str
    """Makes the page again from the runs."""
    only: Mapping[str, Sequence[Any]]
    """What the runs are limited to."""
    description: str = ""


def svg_uri(canvas: Canvas) -> str:
    """The figure as matplotlib writes it, an SVG file, in a data URI."""
    file = io.StringIO()
    canvas.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    return "data:image/svg+xml," + quote(" ".join(file.getvalue().split()), safe=" /:=;,()+!*?-")


def write_page(results: Results, contents: Contents, folder: Path) -> None:
    """Write `report.html` in the folder."""
    runs = results.runs
    environment = Environment(
        loader=PackageLoader("rnnbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["kinds"] = _kinds
    script = (Path(__file__).parent / "templates" / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = environment.get_template("report.html.jinja").render(
        contents=contents,
        results=results,
        script=script,
        script_hash=f"sha256-{digest}",
        only="; ".join(f"{column} {', '.join(map(setting_value, each))}" for column, each in contents.only.items()),
        incomplete=incomplete(results),
        failed=[f"{each.name}: {each.reason}" for each in contents.failed],
        counts=", ".join(f"{count} {status}" for status, count in sorted(runs["status"].value_counts().items())),
        grid=_values(runs, differing(runs)),
        settings=_values(runs, [*setting_columns(runs), *difficulty_columns(runs)]),
        machine=_values(runs, [column for column in MACHINE if column in runs]),
        commands=sorted(runs["command_line"].dropna().unique()) if "command_line" in runs else [],
        runs=runs_table(results, folder),
    )
    write_text(ExperimentFiles(folder).report, text)


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
