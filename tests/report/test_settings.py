"""What can be set of a report: formats, width, style, columns and folder; and that nothing stale is left."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from PIL import Image

from rnnbench.analysis.archive import load_results, write_archive
from rnnbench.report import Figure, ReportSettings, write_report
from rnnbench.report.figures.cost import Cost
from rnnbench.report.figures.learning_curves import LearningCurves
from rnnbench.report.figures.speed import Speed
from rnnbench.report.tables.comparison import Comparison

COST: dict[str, Figure] = {"cost": Cost()}
TABLES = {"comparison": Comparison()}


def written(root: Path, figures: dict[str, Figure] = COST, **settings: Any) -> Any:
    return write_report(
        write_archive(load_results(root)), TABLES, figures, ["gru"], settings=ReportSettings(**settings)
    )


def colours_of(path: Path) -> set[Any]:
    with Image.open(path) as picture:
        return {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}


def test_formats_and_width(small_experiment: Path) -> None:
    written(small_experiment, formats=["png", "svg"], width="column")
    figures = small_experiment / "figures"
    assert {path.name for path in figures.iterdir()} == {"cost.png", "cost.svg", "cost.json"}
    with Image.open(figures / "cost.png") as picture:
        assert picture.width == int(3.3 * 300)
    assert ElementTree.parse(figures / "cost.svg").getroot().get("width") == "237.6pt"


def test_style_goes_on_top_and_cells_keep_their_colours(small_experiment: Path, tmp_path: Path) -> None:
    style = tmp_path / "paper.mplstyle"
    style.write_text("axes.facecolor: 0000ff\n")
    plain = written(small_experiment).folder / "figures" / "cost.png"
    before = colours_of(plain)
    written(small_experiment, style=str(style))
    colours, blue = colours_of(plain), (0, 0, 255)
    assert blue not in before
    assert {blue, (209, 87, 11)} <= colours  # and the RNN's


def test_columns_of_a_table(small_experiment: Path) -> None:
    report = written(small_experiment, columns={"comparison": ["cell", "solved"]})
    assert (small_experiment / "comparison.md").read_text().splitlines()[2].split() == ["|", "cell", "|", "solved", "|"]
    assert "test loss" not in report.text
    assert "test_loss" in (small_experiment / "comparison.csv").read_text()
    (failed,) = written(small_experiment, columns={"comparison": ["cell", "sovled"]}).failed
    assert failed.reason.startswith(
        "comparison: columns.comparison=['cell', 'sovled']: no column 'sovled'; there are task"
    )


def test_nothing_of_an_earlier_report_stays_but_what_others_wrote(small_experiment: Path) -> None:
    written(small_experiment, {"cost": Cost(), "curves": LearningCurves(), "speed": Cost()})
    figures = small_experiment / "figures"
    (figures / "mine.png").write_bytes(b"own")
    (figures / "curves.txt").write_bytes(b"own")
    (figures / "mine.json").write_text(json.dumps({"files": ["cost.png", "mine.png", "../runs.csv"]}))
    report = written(small_experiment, {"cost": Cost(), "speed": Speed()}, formats="pdf")
    left = {path.name for path in figures.iterdir()}
    assert left == {
        "cost.pdf", "cost.json", "mine.png", "mine.json", "curves.txt",
        "speed.pdf", "speed.png", "speed.json",  # it could not be made again, so these may be all there is
    }  # fmt: skip
    assert report.removed == ["figures/cost.png", "figures/curves.json", "figures/curves.pdf", "figures/curves.png"]
    assert [each.name for each in report.failed] == ["speed"]
    assert (small_experiment / "runs.csv").exists()


def test_a_folder_of_its_own(small_experiment: Path, tmp_path: Path) -> None:
    report = written(small_experiment, out=tmp_path / "paper" / "one")
    assert report.folder == tmp_path / "paper" / "one"
    assert {path.name for path in report.folder.iterdir()} == {"report.html", "figures"} | {
        f"comparison.{kind}" for kind in ("csv", "md", "tex", "json")
    }
    assert all(path.is_relative_to(report.folder) for path in report.files)
    assert (small_experiment / "runs.csv").exists()
    assert not (small_experiment / "report.html").exists()
    assert 'href="../../small/runs/' in (report.folder / "report.html").read_text()
