"""Several experiments in one report: each run once, what differs between them a variant, each left as it was."""

from dataclasses import replace
from pathlib import Path

import pytest

from rnnbench.analysis.archive import together
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.errors import SettingError
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
    both = together([named("a", tiny()), named("b", tiny(), spectral_radius=1.0)], Path("a+b"))
    assert set(both.runs["experiment"]) == {"b"}  # and the one of which more was measured


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
