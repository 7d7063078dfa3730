"""The page of an experiment: one HTML file with its tables and figures, what was run, and how to run it again."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from rnnbench.analysis.results import Results
from rnnbench.analysis.variant import difficulty_columns, setting_columns
from rnnbench.errors import SettingError, one_line
from rnnbench.report.incomplete import incomplete
from rnnbench.report.labels import is_number, setting_value
from rnnbench.schema import ExperimentFiles
from rnnbench.storage import write_text

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
MOST_LISTED = 50
"""Runs listed on the page; all are in runs.csv."""


@dataclass(frozen=True)
class Tabled:
    """A table as the page shows it."""

    name: str
    title: str
    formatted: pd.DataFrame
    brief: pd.DataFrame
    intervals: str
    files: list[Path]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Headings with the class of their column: numbers stand to the right."""
        kinds = [
            "number" if all(map(is_number, column.astype(str))) else "text" for _, column in self.formatted.items()
        ]
        return list(zip(map(str, self.formatted), kinds, strict=True))


@dataclass(frozen=True)
class Drawn:
    """A figure as the page shows it."""

    title: str
    name: str
    caption: list[str]
    """Paragraphs."""
    shown: str
    """Its cells and tasks, for the alternative text."""
    files: list[Path]
    """The PNG first."""

    @property
    def source(self) -> str:
        """The picture itself, as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.files[0].read_bytes()).decode()}"

    @property
    def alternative(self) -> str:
        """What the picture shows, in words."""
        return " ".join([f"{self.title}.", *self.caption[:1], self.shown])


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


def write_page(
    results: Results, tables: Sequence[Tabled], figures: Sequence[Drawn], failed: Sequence[Failed], command: str
) -> None:
    """Write `report.html`; `command` makes it again from the runs."""
    runs = results.runs
    template = Environment(
        loader=PackageLoader("rnnbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("report.html.jinja")
    listed = ["run", "status", "steps_trained", "test_loss"]
    text = template.render(
        name=results.name,
        tables=tables,
        figures=figures,
        failed=failed,
        command=command,
        incomplete=incomplete(results),
        tuned=results.tuned,
        tuning_seeds=", ".join(map(str, results.tuning_seeds)),
        candidates=0 if results.candidates is None else len(results.candidates),
        counts=_counts(runs),
        grid=_grid(runs),
        settings=_shared(runs, [*setting_columns(runs), *difficulty_columns(runs)]),
        machine=_shared(runs, [column for column in MACHINE if column in runs]),
        commands=sorted(runs["command_line"].dropna().unique()) if "command_line" in runs else [],
        runs=runs[[column for column in listed if column in runs]].head(MOST_LISTED).to_dict("records"),
        all_runs=len(runs),
    )
    write_text(ExperimentFiles(results.root).report, text)


def _counts(runs: pd.DataFrame) -> str:
    counts = runs["status"].value_counts()
    return ", ".join(f"{counts[status]} {status}" for status in sorted(counts.index))


def _grid(runs: pd.DataFrame) -> dict[str, str]:
    """What differs between the runs, with all its values."""
    varied = ["cell", "task", *difficulty_columns(runs), *setting_columns(runs), "seed"]
    return {column: _values(runs[column]) for column in varied if runs[column].nunique(dropna=False) > 1}


def _shared(runs: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """What the runs have in common; of what differs, all values."""
    return {column: _values(runs[column]) for column in columns}


def _values(column: "pd.Series[Any]") -> str:
    distinct = column.dropna().unique().tolist()
    return ", ".join(map(setting_value, distinct)) or "none"
