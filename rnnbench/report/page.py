"""The page of an experiment: one HTML file with its tables and figures, what was run, and how to run it again."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import difficulty_columns, setting_columns
from rnnbench.errors import SettingError, one_line
from rnnbench.report.incomplete import incomplete
from rnnbench.report.labels import is_number, setting_value
from rnnbench.report.runs_table import differing, runs_table
from rnnbench.report.style import CellStyles
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import write_text

MACHINE = (
    "rnnbench_version",
    "git_commit",
    "python_version",
    "torch_version",
    "numpy_version",
    "platform",
    "processor",
    "cpu_family",
    "cpu_model",
    "vector_width_bits",
)
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

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """Headings with the class of their column: numbers stand to the right, long text is wrapped."""
        return [(str(heading), _kind(column.astype(str))) for heading, column in self.formatted.items()]


@dataclass(frozen=True)
class Drawn:
    """A figure as the page shows it."""

    title: str
    name: str
    caption: list[str]
    """Paragraphs."""
    svg: str
    """The picture itself, an SVG element."""
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
    """What a page holds beside what it says of the runs."""

    tables: Sequence[Tabled]
    figures: Sequence[Drawn]
    failed: Sequence[Failed]
    command: str
    """Makes the page again from the runs."""
    only: Mapping[str, Sequence[Any]]
    """What the runs are limited to."""
    description: str = ""


def write_page(results: Results, contents: Contents, folder: Path, styles: CellStyles) -> None:
    """Write `report.html` in the folder."""
    runs = results.runs
    environment = Environment(
        loader=PackageLoader("rnnbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    script = (Path(__file__).parent / "templates" / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = environment.get_template("report.html.jinja").render(
        name=results.name,
        description=contents.description,
        script=script,
        script_hash=f"sha256-{digest}",
        tables=contents.tables,
        figures=contents.figures,
        failed=contents.failed,
        command=contents.command,
        only="; ".join(f"{column} {', '.join(map(setting_value, each))}" for column, each in contents.only.items()),
        incomplete=incomplete(results),
        tuned=results.tuned,
        tuning_seeds=", ".join(map(str, results.tuning_seeds)),
        candidates=0 if results.candidates is None else len(results.candidates),
        counts=_counts(runs),
        grid=_grid(runs),
        settings=_shared(runs, [*setting_columns(runs), *difficulty_columns(runs)]),
        machine=_shared(runs, [column for column in MACHINE if column in runs]),
        commands=sorted(runs["command_line"].dropna().unique()) if "command_line" in runs else [],
        runs=runs_table(results, folder, styles),
        all_runs=len(runs),
    )
    write_text(ExperimentFiles(folder).report, text)


def _kind(column: "pd.Series[str]") -> str:
    longest = column.str.len().max()
    if longest <= LONGEST_NUMBER and column.any() and all(map(is_number, filter(None, column))):
        return "number"
    return "text" if longest <= LONGEST_WORD else "long"


def _counts(runs: pd.DataFrame) -> str:
    counts = runs["status"].value_counts()
    return ", ".join(f"{counts[status]} {status}" for status in sorted(counts.index))


def _grid(runs: pd.DataFrame) -> dict[str, str]:
    """What differs between the runs, with all its values."""
    return {column: _values(runs[column]) for column in differing(runs)}


def _shared(runs: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """What the runs have in common; of what differs, all values."""
    return {column: _values(runs[column]) for column in columns}


def _values(column: "pd.Series[Any]") -> str:
    distinct = column.dropna().unique().tolist()
    return ", ".join(map(setting_value, distinct)) or "none"
