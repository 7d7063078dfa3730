"""`rnnbench-report`: what it takes, what it refuses, in one line each."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Command

LOOK = ("table=[comparison]", "figure=[cost]", "formats=svg")


@pytest.fixture
def runs(rnnbench: Command, tmp_path: Path) -> Path:
    """Two cells and two seeds; and the same runs under another name, with one more cell."""
    sweep = ("-m", "cell=rnn,gru", "seed=0,1", "task.length=5", *SMALL)
    assert rnnbench(*sweep, "name=one")[0] == 0
    shutil.copytree(tmp_path / "results" / "one", tmp_path / "results" / "two")
    assert rnnbench("cell=lstm", "task.length=5", *SMALL, "name=two")[0] == 0
    return tmp_path / "results"


def cells(folder: Path) -> list[tuple[str, str]]:
    with (folder / "comparison.csv").open() as file:
        return [(row["cell"], row["runs"]) for row in csv.DictReader(file)]


def test_several_experiments_filters_and_what_is_refused(rnnbench_report: Command, runs: Path) -> None:
    code, output, errors = rnnbench_report("name=[one,two]", *LOOK)
    assert (code, errors) == (0, "")
    assert "\nPage: results/one+two/report.html\nBeside it: comparison, figures/cost\n" in output
    both = runs / "one+two"
    assert cells(both) == [("rnn", "2"), ("lstm", "1"), ("gru", "2")]
    assert not {path.name for path in both.iterdir()} & {"runs.csv", "data"}
    assert (runs / "one" / "runs.csv").exists()
    assert len(re.findall('href="../(?:one|two)/runs/', (both / "report.html").read_text())) == 5
    sidecar = json.loads((both / "comparison.json").read_text())
    assert (sidecar["experiment"], len(sidecar["runs"])) == ("one+two", 5)
    assert rnnbench_report("name=two", *LOOK, "only.cell=[gru,lstm]", "only.seed=0")[0] == 0
    assert cells(runs / "two") == [("lstm", "1"), ("gru", "1")]
    assert len((runs / "two" / "runs.csv").read_text().splitlines()) == 6  # all runs stay
    assert "Limited to cell gru, lstm; seed 0." in (runs / "two" / "report.html").read_text()
    code, _, errors = rnnbench_report("name=[two,three]", *LOOK)
    assert (code, errors.partition(";")[0]) == (2, "rnnbench: name=three: no runs in results/three/runs")
    for arguments, answer in {
        ("only.cell=[gru,lstmm]",): "only.cell=['lstmm']: no run has one of these values; there are rnn, lstm, gru",
        ("only.cel=gru",): "only.cel=['gru']: no run has this column; did you mean only.cell?",
        ("only.cell=[gru",): "only.cell=[gru: cannot be read; close its brackets and quotes, or quote all of it: "
        "'only.cell=\"[gru\"'",
        ("out=results/one",): "out=results/one: is the folder of an experiment; choose another folder",
        ("columns.comparisons=[cell]",): "columns.comparisons: no such table in the report; there are comparison",
    }.items():
        assert rnnbench_report("name=two", *LOOK, *arguments) == (2, "", f"rnnbench: {answer}\n")


@pytest.mark.parametrize(
    ("word", "answer"),
    {
        "formats=[pdf,jpg]": "formats.1=jpg: must be 'pdf', 'png' or 'svg'",
        "width=wide": "width=wide: must be column, text or a number of inches from 1 to 40",
        "style=none_such": "style=none_such: must be a file or a style of matplotlib: ",
        "name=[]": "name=[]: must name an experiment",
        "adding": "adding: must be key=value; did you mean name=adding or experiment=adding?",
        "cell=gru": "cell=gru: rnnbench-report does not use it; it takes name, experiment, ",
        "-m": "-m: no such option; `rnnbench-report --help` lists them",
    }.items(),
)
def test_wrong_settings(rnnbench_report: Command, word: str, answer: str) -> None:
    code, output, errors = rnnbench_report("name=one", word)
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith(f"rnnbench: {answer}")
