"""Every figure of every committed experiment at a column's and a page's width: nothing cut off or printed over."""

from pathlib import Path

import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.cli.report import _chosen, components, request
from rnnbench.report.style import WIDTHS, CellStyles, paper_style
from tests.long import long_but
from tests.report.legible import problems
from tests.report.test_committed_results import NAMES, RESULTS


@pytest.mark.parametrize("name", long_but(("chung2014_jsb",), NAMES))
def test_figures_fit_a_column_and_a_page(name: str) -> None:
    config, settings = request([f"experiment={name}"])
    results = _chosen(config, load_results(Path(RESULTS) / name), settings)
    styles = CellStyles(["rnn", "lstm", "gru"])
    for figure_name, figure in components(config, "figures").items():
        for width in WIDTHS.values():
            with paper_style(width=width):
                canvas = figure.draw(results.limited(figure.only), styles)
                assert problems(canvas) == [], (figure_name, width)
                assert canvas.get_figwidth() == width
