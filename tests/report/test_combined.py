"""Several experiments in one report: each run once, what differs between them a variant, each left as it was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.analysis.combined import together
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.errors import SettingError
from rnnbench.report import write_report
from rnnbench.report.figures.learning_curves import LearningCurves
from rnnbench.report.tables.comparison import Comparison
from tests.report.conftest import WriteRun
from tests.report.tiny import tiny


def named(name: str, results: Results, **columns: object) -> Results:
    """The results under another name, with columns of these values, and runs whose names begin with it."""
    runs = results.runs.assign(**columns)
    return replace(results, name=name, runs=sorted_runs(runs.drop(columns="variant")))


def test_a_run_of_two_experiments_counts_once() -> None:
    both = together([named("a", tiny()), named("b", tiny())], Path("a+b"))
    assert both.name == "a+b"
    assert list(both.runs["run"]) == list(tiny().runs["run"])
    assert set(both.runs["experiment"]) == {"a"}
    assert len(both.histories()) == len(tiny().histories())


def test_a_run_that_came_to_a_result_goes_before_one_that_did_not() -> None:
    both = together([named("a", tiny(), status="running"), named("b", tiny())], Path("a+b"))
    assert set(both.runs["experiment"]) == {"b"}
    assert set(both.runs["status"]) == {"done"}


def test_settings_of_measurements_make_no_variant_and_others_do() -> None:
    one, other = tiny(), tiny()
    other = replace(other, runs=other.runs.assign(run="other-" + other.runs["run"]))
    measured = together([named("a", one, **{"probes.speed.repetitions": 0}),
                         named("b", other, **{"probes.speed.repetitions": 6})], Path("a+b"))  # fmt: skip
    assert len(measured.runs) == len(one.runs)  # the same training, measured in two ways, is no second repetition
    trained = together(
        [named("a", one, **{"train.batch_size": 4}), named("b", other, **{"train.batch_size": 8})], Path()
    )
    assert len(trained.runs) == 2 * len(one.runs)
    assert {str(variant.settings) for variant in trained.runs["variant"]} == {
        "(('train.batch_size', 4),)", "(('train.batch_size', 8),)"
    }  # fmt: skip
    limited = measured.limited({"cell": ["gru"]})
    assert not any(limited.runs["variant"])


def test_the_same_name_twice_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^name=\[a,a\]:"):
        together([named("a", tiny()), named("a", tiny())], Path("a+a"))


def test_the_report_of_two_leaves_both_as_they_are(root: Path, write_run: WriteRun, small_experiment: Path) -> None:
    other = root.with_name("other")
    root.rename(other)
    write_run("gru", 7, {0: 1.0, 100: 0.2}, hidden_size=16)
    results = [load_results(root), load_results(other)]
    both = together(results, root.with_name("small+other"))
    written = write_report(both, {"comparison": Comparison()}, {"learning_curves": LearningCurves()}, ["gru"])
    assert not (root / "report.html").exists()
    assert not (written.folder / "runs.csv").exists()
    assert "units=16" in written.text
    page = (written.folder / "report.html").read_text()
    for path in (*root.glob("runs/*"), *other.glob("runs/*")):
        assert f'href="../{path.parents[1].name}/runs/{path.name}/"' in page
    sidecar = json.loads((written.folder / "comparison.json").read_text())
    assert sidecar["experiment"] == "small+other"
    assert sidecar["missing"][0] == "missing: cell=lstm seed=1 (of other)"
