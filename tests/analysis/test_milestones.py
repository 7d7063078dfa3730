"""Steps to a milestone and what becomes of runs that did not get there."""

import numpy as np
import pytest

from rnnbench.analysis.milestones import check_milestone, reached, steps_column, steps_to, trained_runs
from rnnbench.errors import SettingError
from tests.analysis.made import table

NONE = np.nan


def test_every_fate_of_a_run() -> None:
    runs = table(
        {"steps_to_solve": 300, "steps_trained": 300},  # stopped when solved
        {"steps_trained": 1000},  # trained to its end
        {"status": "diverged", "steps_trained": 40},  # will never solve it, by its whole budget
        {"status": "diverged", "steps_trained": 900, "steps_to_solve": 200},  # had solved it before
        {"status": "failed", "steps_trained": NONE},
        {"status": "running", "steps_trained": 10},
        {"steps_trained": 0, "train.steps": 0},  # was not to train
        **{"train.steps": 1000},
    )
    trained = trained_runs(runs)
    assert list(trained["run"]) == ["run0", "run1", "run2", "run3", "run4"]
    steps = steps_to(trained)
    assert list(steps.steps) == [300, np.inf, np.inf, 200, np.inf]
    assert list(steps.budgets) == [1000, 1000, 1000, 1000, 1000]
    assert list(reached(trained)) == [True, False, False, True, False]


def test_a_softer_milestone_is_censored_where_the_run_stopped() -> None:
    runs = table(
        {"steps_to_solve": 300, "steps_trained": 300, "steps_to_half": NONE},
        {"steps_to_solve": 300, "steps_trained": 300, "steps_to_half": 0},
        **{"train.steps": 1000},
    )
    steps = steps_to(runs, "half")
    assert list(steps.steps) == [np.inf, 1]
    assert list(steps.budgets) == [300, 1000]


def test_strata_are_difficulties() -> None:
    assert list(steps_to(table({"difficulty": 20}, {"difficulty": 10})).strata) == [20, 10]
    named = table({"difficulty": "b"}, {"difficulty": "a"}, {"difficulty": "b"})
    assert list(steps_to(named).strata) == [1, 0, 1]


def test_a_milestone_that_no_run_has_names_those_there_are() -> None:
    assert steps_column("half_baseline") == "steps_to_half_baseline"
    with pytest.raises(SettingError, match=r"^milestone=x:"):
        check_milestone(table({"steps_to_half": 3}), "x")
