"""The report's files: complete, marked where the grid is not, and the same bytes for the same runs."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from numpy.lib.npyio import NpzFile

import rnnbench
from rnnbench.analysis.archive import load_results, write_archive
from rnnbench.report import Figure, Table, write_report
from rnnbench.report.figures.cost import Cost
from rnnbench.report.figures.gradient_norms import GradientNorms
from rnnbench.report.figures.learning_curves import LearningCurves
from rnnbench.report.figures.speed import Speed
from rnnbench.report.report import WrittenReport
from rnnbench.report.style import CellStyles, paper_style
from rnnbench.report.tables.comparison import Comparison

FIGURES: dict[str, Figure] = {"learning_curves": LearningCurves(), "gradient_norms": GradientNorms(), "cost": Cost()}
TABLES: dict[str, Table] = {"comparison": Comparison()}
CELLS = ["gru", "janet", "lstm", "rnn"]


def contents(root: Path) -> dict[str, bytes]:
    files = [path for pattern in ("*.*", "figures/*", "data/*") for path in root.glob(pattern)]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def written(same_experiment: Path) -> WrittenReport:
    return write_report(
        write_archive(load_results(same_experiment)), TABLES, FIGURES, CELLS, command="rnnbench-report experiment=own"
    )


def test_files(written: WrittenReport) -> None:
    assert set(contents(written.folder)) == {
        "report.html", "runs.csv", "data/histories.csv.gz", "data/gradient_profile.npz", "data/missing.json",
        "data/schema.json",
        *(f"comparison.{kind}" for kind in ("csv", "md", "tex", "json")),
        *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("pdf", "png", "json")),
    }  # fmt: skip


def test_the_same_bytes_are_made_again_also_without_the_run_folders(small_experiment: Path) -> None:
    figures: dict[str, Figure] = {"cost": Cost()}
    printed = write_report(write_archive(load_results(small_experiment)), TABLES, figures, CELLS).text
    first = contents(small_experiment)
    for kept in (("runs", "launches", "data"), ("data",)):
        for path in small_experiment.iterdir():
            if path.name not in (*kept, "runs.csv"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert write_report(write_archive(load_results(small_experiment)), TABLES, figures, CELLS).text == printed
        again = contents(small_experiment)
        page, before = (re.sub(r"<a href=.runs/[^>]*>([^<]*)</a>", r"\1", each.pop("report.html").decode())
                        for each in (again, dict(first)))  # fmt: skip
        assert page == before
        assert again == {name: content for name, content in first.items() if name != "report.html"}
    assert 'href="runs/' not in page.join([(small_experiment / "report.html").read_text()])  # they are gone


def test_each_profile_is_read_once(same_experiment: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the comparison, before and after training, and by the figure, of the whole state and of each tensor."""
    read: Counter[str] = Counter()
    load = NpzFile.__getitem__
    monkeypatch.setattr(NpzFile, "__getitem__", lambda file, name: (read.update([name]), load(file, name))[1])
    results = write_archive(replace(load_results(same_experiment), root=tmp_path))
    runs = results.runs.assign(gradient_decades_lost=1.0, gradient_decades_lost_initial=1.0)
    read.clear()
    write_report(replace(results, runs=runs), TABLES, {"gradient_norms": GradientNorms()}, CELLS)
    assert set(read.values()) == {1}


def test_sidecar_says_what_stands_behind_a_figure(written: WrittenReport) -> None:
    content = json.loads((written.folder / "figures" / "learning_curves.json").read_text())
    assert len(content["runs"]) == 5
    assert content["run_hashes"] == sorted({path.name[-8:] for path in written.folder.glob("runs/*")})
    assert content["seeds"] == [0, 1]
    assert content["missing"][0] == "missing: cell=lstm seed=1"
    assert len(pd.read_csv(written.folder / "runs.csv")) == 5
    assert content["drawn_by"] == {"rnnbench_version": rnnbench.__version__}


def test_learning_curves_keep_the_value_of_a_run_that_stopped(same_experiment: Path) -> None:
    results = load_results(same_experiment)
    baselines = results.runs["baseline_loss"].where(results.runs["cell"] != "lstm", 0.5)
    with paper_style():
        canvas = LearningCurves().draw(
            replace(results, runs=results.runs.assign(baseline_loss=baselines)), CellStyles(CELLS)
        )
    (panel,) = canvas.axes
    lines = {str(line.get_label()): line for line in panel.lines}
    # Seeds of the GRU: 1, .1, .001 at steps 0, 100, 200 and 1, .001 and then kept; medians over the two
    assert list(lines["GRU"].get_ydata()) == pytest.approx([1.0, (0.1 + 0.001) / 2, 0.001])
    levels = [line.get_ydata()[0] for line in panel.lines if line.get_label() == "best constant"]
    assert levels == pytest.approx([1 / 6, 1 / 2])
    assert [line.get_marker() for line in panel.lines].count("x") == 1  # the diverged LSTM


def test_cells_have_one_order(written: WrittenReport) -> None:
    for cells in (load_results(written.folder).runs["cell"], pd.read_csv(written.folder / "comparison.csv")["cell"]):
        assert CellStyles(CELLS).ordered(CELLS[:1] + CELLS[2:]) == list(cells.unique()) == ["rnn", "lstm", "gru"]


def test_a_table_or_figure_fails_alone(small_experiment: Path) -> None:
    figures: dict[str, Figure] = {"speed": Speed(), "cost": Cost()}
    report = write_report(write_archive(load_results(small_experiment)), TABLES, figures, CELLS)
    assert [each.name for each in report.failed] == ["speed"]
    page = (small_experiment / "report.html").read_text()
    assert "Not made:\nspeed: Speed: needs the column" in report.text
    assert page.count("<figure id=") == 1
    assert (small_experiment / "comparison.csv") in report.files
    assert all(path.exists() for path in report.files)
    assert "speed" not in " ".join(map(str, report.files))


def test_page_holds_tables_and_figures_says_what_they_show_and_what_is_missing(written: WrittenReport) -> None:
    page = (written.folder / "report.html").read_text()
    for text in (page, written.text, (written.folder / "comparison.md").read_text()):
        assert "missing: cell=lstm seed=1" in text
        assert "1 of 5 runs diverged" in text or "1 diverged" in text
    assert page.count('<figure id="figure_') == len(FIGURES)
    assert page.count('<img src="data:image/svg+xml,') == len(FIGURES)
    assert not re.search(r"(src|href)=.http", page)
    assert "<strong>Figure 1. Learning curves.</strong> Loss on validation data" in page
    assert "Cells: rnn, lstm, gru. Tasks: adding, length 20." in page
    assert "Table 1. " in page
    assert page.index(
        "GRU solves adding (length 20) in 100 steps (median; 2 of 2 runs); RNN and LSTM in no run."
    ) < page.index("<figure")
    assert page.index("<figure") < page.index("Table 1. ") < page.index("Figure 2. ")
    assert "<td>GRU" in page
    assert len(re.findall(r'<td><a href="runs/[^"]+/">', page)) == 5
    assert "rnnbench-report experiment=own</pre>" in page


def test_a_run_leads_to_its_copy_in_wandb(small_experiment: Path) -> None:
    run = min(path for path in (small_experiment / "runs").iterdir() if path.is_dir())
    for text, link in (
        ("https://wandb.ai/me/p/runs/x?a=1&b=%22", 'href="https://wandb.ai/me/p/runs/x?a=1&amp;b=%22"'),
        ("http://127.0.0.1:80/me\n", 'href="http://127.0.0.1:80/me"'),
        ("javascript:alert(1)", ""),
    ):
        (run / "wandb-address.txt").write_text(text)
        write_report(write_archive(load_results(small_experiment)), {}, {}, CELLS)
        page = (small_experiment / "report.html").read_text()
        assert page.count(">W&amp;B</a>") == bool(link)
        assert link in page


def test_a_job_that_was_refused_is_not_missing(small_experiment: Path) -> None:
    (launch,) = small_experiment.glob("launches/*")
    outcome = {"overrides": ["cell=lstm", "seed=1"], "status": "refused", "run": None, "message": "x=1: wrong"}
    (launch / "job-5.json").write_text(json.dumps(outcome))
    assert load_results(small_experiment).missing == []
