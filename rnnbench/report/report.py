"""An experiment's tables and figures, written beside its runs."""

from collections.abc import Mapping
from pathlib import Path

from rnnbench.analysis.comparison import comparison
from rnnbench.analysis.results import Results
from rnnbench.report.figures import Figure
from rnnbench.report.style import CellStyles, mark_incomplete, paper_style
from rnnbench.report.tables import latex, markdown, plain


def write_report(results: Results, figures: Mapping[str, Figure], known_cells: list[str]) -> str:
    """Write runs.csv, comparison.csv/.md/.tex and each figure as PDF and PNG; return the comparison for the terminal.

    Everything is made from the run folders alone, so the same runs give the same bytes. A figure that lacks a column
    raises ValueError, naming both.
    """
    compared = comparison(results)
    incomplete = results.incomplete()
    results.runs.to_csv(results.root / "runs.csv", index=False)
    compared.to_csv(results.root / "comparison.csv", index=False)
    notes = "".join(f"\n- {line}" for line in incomplete)
    text = f"# {results.name}\n\n{markdown(compared)}\n\nBrackets: 95% intervals over seeds.\n"
    (results.root / "comparison.md").write_text(text + (f"\nIncomplete:\n{notes}\n" if incomplete else ""))
    (results.root / "comparison.tex").write_text(latex(compared))
    for name, figure in figures.items():
        _draw(figure, results, CellStyles(known_cells), results.root / "figures" / name)
    return "\n".join([plain(compared), *(["", "Incomplete:", *incomplete] if incomplete else [])])


def _draw(figure: Figure, results: Results, styles: CellStyles, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with paper_style():
        canvas = figure.draw(results, styles)
        mark_incomplete(canvas, results)
        canvas.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
        canvas.savefig(path.with_suffix(".png"), metadata={"Software": None})
