"""An experiment's tables, figures and page, written beside its runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from rnnbench.analysis.archive import write_archive
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError, one_line
from rnnbench.report.figures.figure import Figure
from rnnbench.report.flat import flat
from rnnbench.report.incomplete import incomplete
from rnnbench.report.labels import component_title
from rnnbench.report.page import Drawn, Failed, Tabled, write_page
from rnnbench.report.sidecar import write_sidecar
from rnnbench.report.style import CellStyles, mark_incomplete, paper_style, take_literally, task_panels
from rnnbench.report.tables.rendering import latex, markdown, plain
from rnnbench.report.tables.table import Table
from rnnbench.schema import ExperimentFiles
from rnnbench.storage import replacing, write_text

Kind = TypeVar("Kind")
Made = TypeVar("Made")


@dataclass(frozen=True)
class WrittenReport:
    """What `write_report` made and what it could not make."""

    text: str
    """The tables and what is missing, for the terminal."""
    files: list[Path]
    """All that was written."""
    failed: list[Failed]


def write_report(
    results: Results,
    tables: Mapping[str, Table],
    figures: Mapping[str, Figure],
    known_cells: list[str],
    command: str | None = None,
) -> WrittenReport:
    """Write the condensed results, each table, each figure and the page.

    `command` is the command line that made this report, which the page prints. Everything is made from the condensed
    results alone, so the same runs give the same bytes. A table or figure whose making ends in an error is left out,
    by name, and the rest is written.
    """
    results = write_archive(results)
    styles = CellStyles(known_cells)
    failed: list[Failed] = []
    tabled = _made(tables, lambda table, name: _tabulate(table, name, results), failed)
    drawn = _made(figures, lambda figure, name: _draw(figure, name, results, styles), failed)
    write_page(results, tabled, drawn, failed, command or f"rnnbench-report name={results.name}")
    missing = incomplete(results)
    texts = [f"{table.title}\n\n{plain(table.brief)}" for table in tabled]
    if failed:
        texts.append("\n".join(["Not made:", *(f"{each.name}: {each.reason}" for each in failed)]))
    if missing:
        texts.append("\n".join(["Incomplete:", *missing]))
    files = ExperimentFiles(results.root)
    condensed = [files.runs_table, *files.data.iterdir()]
    made = [each.files for each in tabled] + [each.files for each in drawn]
    return WrittenReport("\n\n".join(texts), [files.report, *condensed, *chain.from_iterable(made)], failed)


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


def _tabulate(table: Table, name: str, results: Results) -> Tabled:
    """Write the table as CSV, Markdown and LaTeX, and its sidecar."""
    results = results.limited(table.only)
    rows = table.rows(results)
    formatted = table.formatted(rows)
    path = results.root / name
    write_text(path.with_suffix(".csv"), flat(rows).to_csv(index=False))
    write_text(path.with_suffix(".tex"), latex(formatted))
    missing = [f"- {line}" for line in incomplete(results)]
    notes = [
        f"Brackets: intervals, {table.intervals}." if table.intervals != "none" else "",
        "\n".join(["Incomplete:", "", *missing]) if missing else "",
    ]
    heading = f"# {results.name}: {table.title[0].lower()}{table.title[1:]}"
    write_text(path.with_suffix(".md"), "\n\n".join(filter(None, [heading, markdown(formatted), *notes])) + "\n")
    write_sidecar(path, results, type(table).__name__, table.intervals)
    files = [path.with_suffix(f".{kind}") for kind in ("csv", "md", "tex", "json")]
    return Tabled(name, table.title, formatted, table.formatted_brief(rows), table.intervals, files)


def _draw(figure: Figure, name: str, results: Results, styles: CellStyles) -> Drawn:
    """Write the figure as PDF and PNG, and its sidecar."""
    results = results.limited(figure.only)
    path = ExperimentFiles(results.root).figures / name
    with paper_style():
        canvas = figure.draw(results, styles)
        mark_incomplete(canvas, results)
        take_literally(canvas)
        path.parent.mkdir(exist_ok=True)
        for kind, undated in (("pdf", {"CreationDate": None}), ("png", {"Software": None})):
            with replacing(path.with_suffix(f".{kind}")) as file:
                canvas.savefig(file, format=kind, metadata=undated)
    write_sidecar(path, results, type(figure).__name__, figure.intervals)
    files = [path.with_suffix(f".{kind}") for kind in ("png", "pdf", "json")]
    return Drawn(component_title(name), name, figure.caption(results), _shown(results, styles), files)


def _shown(results: Results, styles: CellStyles) -> str:
    """Which cells and tasks a figure shows, for those who cannot see it."""
    tasks = [title for title, _ in task_panels(results.runs)]
    return f"Cells: {', '.join(styles.ordered(results.runs['cell'].unique()))}. Tasks: {'; '.join(tasks)}."
