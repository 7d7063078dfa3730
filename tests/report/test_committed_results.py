"""The results in version control: made again from their condensed files; at a column's and a page's width no figure has
anything cut off or printed over."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.cli.report import _chosen, components, report, request
from rnnbench.report.style import WIDTHS, CellStyles, paper_style
from tests.long import long_but
from tests.report.legible import problems

RESULTS = Path(__file__).parents[2] / "results"
NAMES = sorted(path.parent.name for path in RESULTS.glob("*/data"))


@pytest.mark.parametrize("name", long_but(("gradient_flow_medium",), NAMES))
def test_tables_of_committed_results_are_made_again(name: str, tmp_path: Path) -> None:
    """Pictures are compared by what stands behind them: their bytes change with the release of a font or of zlib.

    Numbers computed from the data are compared to a bit less than the digits written: processors round differently.
    """
    committed, again = RESULTS / name, tmp_path / name
    shutil.copytree(committed / "data", again / "data")
    shutil.copy(committed / "runs.csv", again / "runs.csv")
    report([f"experiment={name}", f"results_dir={tmp_path}"])
    assert (again / "runs.csv").read_bytes() == (committed / "runs.csv").read_bytes()
    numbers = [path for path in committed.glob("*.csv") if path.name != "runs.csv"]
    texts = [path for kind in ("*.md", "*.tex", "*.json", "figures/*.json") for path in committed.glob(kind)]
    assert numbers
    assert texts
    for path in numbers:
        pd.testing.assert_frame_equal(pd.read_csv(again / path.name), pd.read_csv(path), rtol=1e-7, atol=1e-12)
    for path in texts:
        assert (again / path.relative_to(committed)).read_text() == path.read_text(), f"{path} is not up to date"
    for path in committed.glob("figures/*.p*"):
        assert (again / path.relative_to(committed)).stat().st_size > 1000


@pytest.mark.parametrize("name", long_but(("chung2014_music",), NAMES))
def test_figures_fit_a_column_and_a_page(name: str) -> None:
    config, settings = request([f"experiment={name}"])
    results = _chosen(config, load_results(RESULTS / name), settings)
    styles = CellStyles(["rnn", "lstm", "gru"])
    for figure_name, figure in components(config, "figures").items():
        for width in WIDTHS.values():
            with paper_style(width=width):
                canvas = figure.draw(results.limited(figure.only), styles)
                assert problems(canvas) == [], (figure_name, width)
                assert canvas.get_figwidth() == width
