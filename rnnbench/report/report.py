"""An experiment's tables, figures and page, written beside its runs."""

import inspect
from collections.abc import Mapping

from rnnbench.analysis.archive import write_archive
from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import tune
from rnnbench.report.figures.figure import Figure
from rnnbench.report.flat import flat
from rnnbench.report.incomplete import incomplete
from rnnbench.report.page import Drawn, Tabled, write_page
from rnnbench.report.sidecar import write_sidecar
from rnnbench.report.style import CellStyles, mark_incomplete, paper_style
from rnnbench.report.tables.rendering import latex, markdown, plain
from rnnbench.report.tables.table import Table
from rnnbench.schema import ExperimentFiles


def write_report(
    results: Results,
    tables: Mapping[str, Table],
    figures: Mapping[str, Figure],
    known_cells: list[str],
    tuned: str | None = None,
) -> str:
    """Write the condensed results, each table, each figure and the page; return the tables for the terminal.

    `tuned` names a swept setting of which each cell and task gets the value that is best on validation data (see
    `analysis.tuning`). Everything is made from the condensed results alone, so the same runs give the same bytes. A
    table or figure that lacks a column raises SettingError, naming both.
    """
    results = write_archive(results)
    if tuned is not None:
        results = tune(results, tuned)
    tabled = [_tabulate(table, name, results) for name, table in tables.items()]
    drawn = [_draw(figure, name, results, CellStyles(known_cells)) for name, figure in figures.items()]
    write_page(results, tabled, drawn)
    missing = incomplete(results)
    texts = [f"{table.title}\n\n{plain(table.brief)}" for table in tabled]
    return "\n\n".join([*texts, *(["\n".join(["Incomplete:", *missing])] if missing else [])])


def _tabulate(table: Table, name: str, results: Results) -> Tabled:
    """Write the table as CSV, Markdown and LaTeX, and its sidecar."""
    results = results.limited(table.only)
    rows = table.rows(results)
    formatted = table.formatted(rows)
    path = results.root / name
    flat(rows).to_csv(path.with_suffix(".csv"), index=False)
    path.with_suffix(".tex").write_text(latex(formatted))
    missing = [f"- {line}" for line in incomplete(results)]
    notes = [
        f"Brackets: intervals, {table.intervals}." if table.intervals != "none" else "",
        "\n".join(["Incomplete:", "", *missing]) if missing else "",
    ]
    heading = f"# {results.name}: {table.title[0].lower()}{table.title[1:]}"
    path.with_suffix(".md").write_text("\n\n".join(filter(None, [heading, markdown(formatted), *notes])) + "\n")
    write_sidecar(path, results, type(table).__name__, table.intervals)
    return Tabled(name, table.title, formatted, table.formatted_brief(rows), table.intervals)


def _draw(figure: Figure, name: str, results: Results, styles: CellStyles) -> Drawn:
    """Write the figure as PDF and PNG, and its sidecar."""
    results = results.limited(figure.only)
    path = ExperimentFiles(results.root).figures / name
    path.parent.mkdir(exist_ok=True)
    with paper_style():
        canvas = figure.draw(results, styles)
        mark_incomplete(canvas, results)
        canvas.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
        canvas.savefig(path.with_suffix(".png"), metadata={"Software": None})
    write_sidecar(path, results, type(figure).__name__, figure.intervals)
    return Drawn(name, inspect.getdoc(figure) or "", path.with_suffix(".png"))
