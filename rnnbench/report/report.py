"""An experiment's tables, figures and page, written alongside its runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, TypeVar

import pandas as pd

from rnnbench.analysis.archive import write_archive
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError, one_line
from rnnbench.report import drawing
from rnnbench.report.component import Component, Figure, Part, Table
from rnnbench.report.labels import incomplete
from rnnbench.report.page import Drawn, Failed, Tabled, svg_uri, write_page
from rnnbench.report.settings import ReportSettings
from rnnbench.report.sidecar import remove_earlier, write_sidecar, written_before
from rnnbench.report.style import CellStyles, paper_style
from rnnbench.report.tables.latex import LETTERS, latex
from rnnbench.report.tables.narrow import KEYS
from rnnbench.report.tables.rendering import markdown, markdown_text, plain
from rnnbench.report.values import stable_csv
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import replacing, write_text

UNDATED: Mapping[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None},
}  # fmt: skip
"""Metadata that differs between two times of drawing, or between versions of matplotlib, left out."""

EVERYTHING = 10_000
"""Letters that any columns fit into."""

Kind = TypeVar("Kind", bound=Component)
Made = TypeVar("Made", Tabled, Drawn)


@dataclass(frozen=True)
class WrittenReport:
    """What `write_report` made and what it could not make."""

    text: str
    """The tables and what is missing, for the terminal."""
    folder: Path
    files: list[Path]
    """All that was written."""
    removed: list[str]
    """What an earlier report wrote in the folder and this one did not make."""
    failed: list[Failed]


def write_report(
    results: Results,
    tables: Mapping[str, Table],
    figures: Mapping[str, Figure],
    known_cells: list[str],
    command: str | None = None,
    settings: ReportSettings | None = None,
    description: str = "",
    letters: int = 100,
) -> WrittenReport:
    """Write the condensed results, each table, each figure and the page.

    `letters` is the width of the terminal that the text is for; `command` is the command line that made this report,
    which the page prints, as it does `description`. Everything is made from the condensed results alone, so the same
    runs give the same bytes. A table or figure whose making ends in an error is left out, by name, and the rest is
    written. Tables and figures that an earlier report wrote in the folder and this one is not asked for are removed.
    """
    settings = settings or ReportSettings()
    if taken := ExperimentFiles(results.root).reserved & {name.lower() for name in tables}:
        raise SettingError(f"tables.{min(taken)}: its files would replace others of the report; choose another name")
    folder = settings.out or results.root
    files = ExperimentFiles(folder)
    results = write_archive(results)
    folder.mkdir(parents=True, exist_ok=True)
    before = written_before(files)
    styles = CellStyles(known_cells)
    failed: list[Failed] = []
    tabled = _made(
        tables, lambda table, name: _tabulate(table, folder / name, results, settings.columns.get(name)), failed
    )
    drawn = _made(figures, lambda figure, name: _draw(figure, files.figures / name, results, styles, settings), failed)
    command = command or f"rnnbench-report name={results.name}"
    write_page(results, folder, tabled, drawn, failed, settings.only, command, description)
    parts: list[Tabled | Drawn] = [*tabled, *drawn]
    made = [file for part in parts for file in part.files]
    removed = remove_earlier(before, made, [each.name for each in failed])
    texts = [fill(sentence, letters) for table in tabled for sentence in table.found]
    texts += [
        f"{table.title}: {table.says_nothing}" if table.says_nothing else
        f"{table.title}\n\n{plain(table.formatted, letters)}" for table in tabled
    ]  # fmt: skip
    for heading, lines in (("Not made:", [each.reason for each in failed]), ("Incomplete:", incomplete(results))):
        texts += ["\n".join([heading, *lines])] if lines else []
    condensed = [files.runs_table, *files.data.iterdir()] if files.data.is_dir() else []
    names = [str(path.relative_to(folder)) for path in removed]
    return WrittenReport("\n\n".join(texts), folder, [files.report, *condensed, *made], names, failed)


def _made(components: Mapping[str, Kind], make: Callable[[Kind, str], Made], failed: list[Failed]) -> list[Made]:
    """What is made of each component; those whose making ends in an error are added to `failed`."""
    made = []
    for name, component in components.items():
        try:
            made.append(make(component, name))
        except OSError as error:
            failed.append(Failed(name, SettingError(f"{error.filename}: cannot be written ({one_line(error)})")))
        except Exception as error:
            failed.append(Failed(name, error))
    return made


def _tabulate(table: Table, path: Path, results: Results, headings: Sequence[str] | None) -> Tabled:
    """Write the table as CSV, Markdown and LaTeX, and its sidecar; only the columns with the headings, if given."""
    results = results.limited(table.only)
    rows = table.rows(results)
    formatted = table.formatted(rows)
    if headings is not None:
        if unknown := [heading for heading in headings if heading not in formatted]:
            there = ", ".join(map(str, formatted))
            raise SettingError(f"columns.{path.name}={list(headings)}: no column {unknown[0]!r}; there are {there}")
        formatted = formatted[_telling_apart(formatted, headings)]
    write_text(path.with_suffix(".csv"), stable_csv(rows))
    note = table.note(formatted)
    parts = table.parts(rows) if headings is None else [Part("", "", "", formatted)]
    letters = LETTERS if headings is None else EVERYTHING
    write_text(
        path.with_suffix(".tex"), _as_latex(table, path.name, results.name, rows, formatted, parts, note, letters)
    )
    missing = [f"- {markdown_text(line)}" for line in incomplete(results)]
    notes = [note] if note else []
    notes += ["\n".join(["Incomplete:", "", *missing])] if missing else []
    before = [warning] if (warning := table.warning(rows)) else []
    heading = f"# {results.name}: {table.title[0].lower()}{table.title[1:]}"
    write_text(path.with_suffix(".md"), "\n\n".join([heading, *before, markdown(formatted), *notes]) + "\n")
    files = write_sidecar(path, results, type(table).__name__, table.intervals, ("csv", "md", "tex"))
    found, nothing = table.found(rows), table.says_nothing(rows)
    return Tabled(path.name, table.title, formatted, note, files, warning, nothing, found, parts)


def _as_latex(
    table: Table, name: str, experiment: str, rows: pd.DataFrame, formatted: pd.DataFrame, parts: Sequence[Part],
    note: str, letters: int,
) -> str:  # fmt: skip
    """The table, or of one whose parts have verdicts these."""
    caption, label = f"{table.title} ({experiment})", f"{experiment}-{name}"
    if all(part.verdict for part in parts):
        verdicts = pd.DataFrame([(part.heading, part.verdict) for part in parts], columns=["claim", "verdict"])
        return latex(verdicts, caption, label, letters=letters)
    return latex(formatted, caption, label, note, [table.bold(row) for row in rows.to_dict("records")], letters)


def _telling_apart(table: pd.DataFrame, headings: Sequence[str]) -> list[str]:
    """The headings, with further keys behind theirs where rows that differ in these would be of the same."""

    def different(names: Sequence[str]) -> int:
        return len(table[list(names)].drop_duplicates()) if names else 1

    keys = [heading for heading in headings if heading in KEYS]
    behind = 1 + list(headings).index(keys[-1]) if keys else 0
    added: list[str] = []
    for heading in KEYS:
        if heading in table and heading not in headings:
            added += [heading] if different([*keys, *added, heading]) > different([*keys, *added]) else []
    return [*headings[:behind], *added, *headings[behind:]]


def _draw(figure: Figure, path: Path, results: Results, styles: CellStyles, settings: ReportSettings) -> Drawn:
    """Write the figure in the formats asked for, and its sidecar."""
    results = results.limited(figure.only)
    with paper_style(settings.style, settings.width):
        canvas = figure.draw(results, styles)
        if settings.width is not None:
            canvas.set_figwidth(settings.width)
        drawing.mark_incomplete(canvas, results)
        path.parent.mkdir(exist_ok=True)
        for kind in settings.formats:
            with replacing(path.with_suffix(f".{kind}")) as file:
                canvas.savefig(file, format=kind, metadata=UNDATED[kind])
        picture = svg_uri(canvas)
    title, caption = path.name.replace("_", " ").capitalize(), figure.caption(results)
    cells = ", ".join(styles.ordered(results.runs["cell"].unique()))
    tasks = "; ".join(title for title, _ in drawing.by_task(results.runs))
    alternative = " ".join([f"{title}.", *caption[:1], f"Cells: {cells}. Tasks: {tasks}."])
    files = write_sidecar(path, results, type(figure).__name__, figure.intervals, settings.formats)
    return Drawn(path.name, title, caption, picture, alternative, files)
