"""What the comparison's columns say of runs that diverged, failed, stopped, or have no value."""

import math
from typing import Any

import numpy as np
import pytest

from rnnbench.analysis.comparison import comparison
from rnnbench.report.tables.comparison import Comparison
from tests.analysis.made import results

NONE = np.nan


def row(*runs: dict[str, Any], milestone: str = "solved", **same: Any) -> dict[Any, Any]:
    (found,) = comparison(results(*runs, **({"train.steps": 1000} | same)), milestone).to_dict("records")
    return found


def text(*runs: dict[str, Any], **same: Any) -> dict[Any, str]:
    made = results(*runs, **({"train.steps": 1000} | same))
    (found,) = Comparison().formatted(comparison(made)).to_dict("records")
    return found


def seeds(**columns: list[Any]) -> list[dict[str, Any]]:
    count = len(next(iter(columns.values())))
    return [{"seed": seed} | {name: values[seed] for name, values in columns.items()} for seed in range(count)]


def test_steps_have_the_exact_interval_and_its_level() -> None:
    found = row(*seeds(steps_to_solve=[300, 100, 200, 500, 400], steps_trained=[300, 100, 200, 500, 400]))
    steps = found["steps_to_milestone"]
    assert (steps.estimate, steps.low, steps.high) == (300, 100, 500)  # five runs: their range
    assert found["steps_level"] == 0.9375  # 1 - 2 / 2^5
    # Clopper & Pearson, 5 of 5: 0.025^(1/5)
    assert found["success_rate"].low == pytest.approx(0.025**0.2)


def test_diverged_and_failed_runs_stay_in_every_count() -> None:
    runs = [
        {"steps_to_solve": 100, "steps_trained": 1000, "test_loss": 0.01},
        {"status": "diverged", "steps_trained": 3, "test_loss": NONE, "step_time_s": NONE},
        {"status": "failed", "steps_trained": NONE, "test_loss": NONE, "step_time_s": NONE},
        {"status": "running", "steps_trained": 5, "test_loss": NONE},
    ]
    runs = [{"seed": seed, "step_time_s": 0.002} | run for seed, run in enumerate(runs)]
    found = row(*runs)
    assert (found["runs"], found["diverged"], found["failed"], found["unfinished"]) == (3, 1, 1, 1)
    assert found["success_rate"].estimate == pytest.approx(1 / 3)
    assert math.isinf(found["steps_to_milestone"].estimate)  # one of three
    assert (found["test_loss_runs"], found["step_time_s_runs"]) == (1, 1)
    cells = text(*runs)
    assert cells["runs"] == "3 (1 diverged, 1 failed, 1 unfinished)"
    assert (cells["solved"], cells["success rate"]) == ("1/3", "[0.00840, 0.906]")  # Clopper-Pearson
    assert cells["test loss"] == "0.0100 (1 of 3)"
    assert cells["ms/step"] == "2 (1 of 3)"


def test_any_milestone() -> None:
    runs = seeds(steps_to_half=[100, 200, NONE], steps_to_solve=[NONE, NONE, NONE])
    found = row(*runs, milestone="half")
    assert found["success_rate"].estimate == pytest.approx(2 / 3)
    assert found["steps_to_milestone"].estimate == 200
    made = results(*runs, **{"train.steps": 1000})
    formatted = Comparison(milestone="half").formatted(Comparison(milestone="half").rows(made))
    assert {"half", "steps to half"} <= set(formatted)


def test_a_mean_loss_is_geometric_and_its_bounds_are_positive() -> None:
    # log10: -4, -2; mean -3, s / sqrt(2) = 1, t(0.975; 1) = 12.7062: the arithmetic interval would begin at -0.058.
    loss = row(*seeds(test_loss=[1e-4, 1e-2]))["test_loss"]
    assert loss.estimate == pytest.approx(1e-3)
    assert math.log10(loss.low) == pytest.approx(-3 - 12.7062, abs=1e-3)
    assert row(*seeds(test_loss=[0.1, math.inf, 0.1]))["test_loss"].estimate == math.inf


@pytest.mark.parametrize(("losses", "mean"), [([0.0, 1e-2], 0.005), ([-0.1, 0.2], 0.05), ([-5.0, -4.0], -4.5)])
def test_losses_of_0_or_less_have_an_arithmetic_mean(losses: list[float], mean: float) -> None:
    found = row(*seeds(test_loss=losses, baseline_loss=[-4.9, -4.9]))
    assert found["test_loss"].estimate == pytest.approx(mean)
    margin = 12.7062 * abs(losses[1] - losses[0]) / 2  # t(0.975; 1) s / sqrt(2)
    assert found["test_loss"].high == pytest.approx(mean + margin, rel=1e-4)
    assert (found["loss_scale"], found["baseline_loss"]) == ("linear", -4.9)
    assert text(*seeds(test_loss=losses))["mean"] == "arithmetic"


@pytest.mark.parametrize(
    ("trained", "loss", "stopped"),
    [
        ([100, 200], "0.000100 [0.000100, 0.000100]", "2/2"),
        ([100, 1000], "0.000100 (0.000100 to 0.000100)", "1/2"),  # median and range: no interval of a mixture
        ([1000, 1000], "0.000100 [0.000100, 0.000100]", ""),
    ],
)
def test_losses_at_which_runs_stopped_are_marked(trained: list[int], loss: str, stopped: str) -> None:
    found = text(*seeds(test_loss=[1e-4, 1e-4], steps_trained=trained))
    assert (found["test loss"], found.get("at stop", "")) == (loss, stopped)


@pytest.mark.parametrize(("shared", "shown"), [(True, "shared"), (False, ""), (NONE, "")])
def test_times_under_load_are_marked(shared: bool | float, shown: str) -> None:
    runs = seeds(step_time_s=[0.002, 0.002], times_shared=[shared, shared])
    assert text(*runs).get("machine", "") == shown
    assert row(*runs)["times_shared"] == pytest.approx(2 * shared, nan_ok=True)


def test_baseline_is_that_of_the_same_data_where_it_is_known() -> None:
    assert row({"test_baseline_loss": 0.9, "baseline_loss": 1.0})["baseline_loss"] == pytest.approx(0.9)
    assert row({"test_baseline_loss": NONE, "baseline_loss": 1.0})["baseline_loss"] == 1.0
    assert row({"baseline_loss": 1.0})["baseline_loss"] == 1.0


def test_half_lives_of_an_external_table_are_those_recorded() -> None:
    found = row(*seeds(gradient_decades_lost=[3.0, 2.0], gradient_half_life=[5.0, NONE]))
    assert (found["gradient_half_life"].estimate, found["gradient_half_life_runs"]) == (5.0, 1)
