"""What tables and tests say of gradients that vanish, explode, bend, stay, and of runs that diverged."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rnnbench.analysis.comparison import comparison
from rnnbench.analysis.gradient_profile import (
    exponential_test,
    gradient_decays,
    growth_per_step,
    half_slopes,
    relative_gradients,
    smallest_norm,
)
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict
from rnnbench.errors import SettingError
from rnnbench.gradient_fit import decades_lost, fit_gradient
from rnnbench.report.tables.comparison import Comparison
from rnnbench.report.tables.gradient_decay import GradientDecay
from tests.analysis.made import MadeSource, binomial_error, results

STEPS = np.arange(30.0)
VANISHES, EXPLODES = 10 ** (0.2 * (STEPS - 29)), 10 ** (-0.2 * (STEPS - 29))
BENT = 10 ** (-((STEPS - 14) ** 2) / 20)
BENT_AND_FALLS = 10 ** (-((STEPS - 20) ** 2) / 20)
STAYS = 10 ** (0.001 * (STEPS - 29))
OVERFLOWS = np.where(STEPS < 3, np.inf, EXPLODES)


def with_profiles(*runs: tuple[dict[str, Any], Any, Any], **arrays: Any) -> Results:
    """Runs with columns, and their norms at initialisation and at the end."""
    made = results(*({"seed": seed} | columns for seed, (columns, _, _) in enumerate(runs)))
    norms = {f"run{number}": np.stack([first, last])[:, None] for number, (_, first, last) in enumerate(runs)}
    return replace(made, source=MadeSource(arrays=lambda run, name: {"norm": norms[run]} | arrays))


def row(*runs: tuple[dict[str, Any], Any, Any], **arrays: Any) -> dict[Any, Any]:
    (found,) = gradient_decays(with_profiles(*runs, **arrays)).to_dict("records")
    return found


@pytest.mark.parametrize(
    ("norms", "lost", "decay", "half_life", "why"),
    [
        (VANISHES, 5.8, 0.2, math.log10(2) / 0.2, ""),
        (BENT_AND_FALLS, 15.95, math.nan, math.nan, "1: no straight line in log g_t"),
    ],
    ids=["vanishes", "bent and falls"],
)
def test_one_profile(norms: Any, lost: float, decay: float, half_life: float, why: str) -> None:
    found = row(({}, norms, norms))
    for when in ("_initial", ""):
        assert found[f"decades_lost{when}"].estimate == pytest.approx(lost)
        assert found[f"decay{when}"].estimate == pytest.approx(decay, nan_ok=True)
        assert found[f"half_life{when}"].estimate == pytest.approx(half_life, nan_ok=True)
        assert found[f"half_life_why{when}"] == why


def test_numbers_say_how_many_runs_they_are_of() -> None:
    made = with_profiles(
        ({}, VANISHES, BENT), ({}, VANISHES, VANISHES), ({"status": "diverged"}, VANISHES, OVERFLOWS),
        ({"steps_trained": 0}, VANISHES, VANISHES),
    )  # fmt: skip
    rows = gradient_decays(made)
    (found,) = rows.to_dict("records")
    assert (found["runs"], found["trained_runs"]) == (4, 2)  # neither the diverged run nor the untrained one
    assert (found["decay_runs"], found["half_life_runs"]) == (1, 1)
    assert (found["decay_runs_initial"], found["half_life_runs_initial"]) == (4, 4)
    (cells,) = GradientDecay().formatted(rows).to_dict("records")
    assert cells["runs"] == "4 (2 trained)"
    assert cells["decades per step (trained)"] == "0.200 (1 of 2)"
    untrained = gradient_decays(with_profiles(({"steps_trained": 0}, VANISHES, VANISHES)))
    assert not [name for name in GradientDecay().formatted(untrained) if "(trained)" in name]


GONE, LARGE = np.where(STEPS < 3, 0, VANISHES), OVERFLOWS


@pytest.mark.parametrize(
    ("profiles", "number", "shown"),
    [
        ([VANISHES, VANISHES * 2, GONE, VANISHES, VANISHES], (math.inf, 5.8, math.inf), ">5.80"),
        ([GONE] * 6, (math.inf, 5.2, math.inf), ">5.20"),
        ([LARGE] * 5 + [EXPLODES], (-math.inf, -math.inf, -5.2), "<-5.20"),
        ([GONE, LARGE], (math.nan,) * 3, "–"),
        ([VANISHES, EXPLODES] * 3, (0, -5.8, 5.8), "0 [-5.80, 5.80]"),
    ],
    ids=["one too small", "all too small", "too large", "both", "none"],
)
def test_a_bound_without_an_interval_where_a_gradient_is_no_number(
    profiles: list[Any], number: tuple[float, ...], shown: str
) -> None:
    """As all tables have it; -5.2 is the growth seen over 26 of 29 steps."""
    made = with_profiles(*[({"gradient_decades_lost": decades_lost(each)}, each, each) for each in profiles])
    for rows, name, table in (
        (gradient_decays(made), "decades_lost", GradientDecay()),
        (comparison(made, "solved"), "gradient_decades_lost", Comparison()),
    ):
        (found,) = rows[name]
        assert (found.estimate, found.low, found.high) == pytest.approx(number, nan_ok=True, abs=1e-9)
        (cells,) = table.formatted(rows).to_dict("records")
        assert cells.get("decades lost (trained)", "–") == shown
        assert "∞" not in "".join(cells.values())


def test_tensors_of_the_state_alongside_the_whole() -> None:
    """The memory is in the second tensor: that of the first alone vanishes, the whole does not."""
    by_state = np.stack([np.stack([VANISHES, STAYS])] * 2)[:, None]
    columns = {"cell": "lstm", "gradient_loss_at": "last scored step", "gradient_decades_lost": 0.029}
    made = with_profiles((columns, STAYS, STAYS), norm_by_state=by_state)
    (found,) = (rows := gradient_decays(made)).to_dict("records")
    assert found["decades_lost"].estimate == pytest.approx(0.029)
    assert found["decades_lost_by_state"] == pytest.approx((5.8, 0.029))
    assert found["loss_at"] == "last scored step"
    for table, of_table in ((GradientDecay(), rows), (Comparison(), comparison(made, "solved"))):
        assert table.formatted(of_table)["of each state tensor (trained)"].tolist() == ["h 5.80, c 0.0290"]


def test_missing_profiles_are_named_in_one_line() -> None:
    with pytest.raises(SettingError, match=r"^GradientDecay: needs gradient profiles, which no run has; add probe"):
        GradientDecay().rows(results({}))


def test_relative_to_the_last_step_with_a_gradient() -> None:
    """Of norms in float32 those below 100 x 2^-106 count as rounded to zero."""
    norms = np.where(STEPS > 27, 0, 10 ** (2.0 * (STEPS - 27)))
    (found,) = relative_gradients({"norm": norms[None, None]}, smallest_norm({}))
    assert np.isneginf(found[STEPS > 27]).all()
    assert np.isneginf(found[norms <= 100 * 2.0**-106]).all()
    assert found[14:28] == pytest.approx(2.0 * (STEPS[14:28] - 27))
    assert growth_per_step(found) == pytest.approx(-2)
    (wide,) = relative_gradients({"norm": norms[None, None]}, smallest_norm({"gradient_precision": "float64"}))
    assert np.isfinite(wide).sum() == 28
    assert np.isnan(relative_gradients({"norm": 0 * norms[None, None]}, 2.0**-126)).all()
    assert math.isnan(growth_per_step(np.full(30, math.nan)))


LAGS = np.arange(100.0)[::-1]
"""Of g_1 .. g_100."""


def test_slopes_of_the_halves_by_hand():
    # 0, 1, 2 then 4, 6, 8 decades: slopes 1 and 2.
    assert half_slopes(10.0 ** np.array([0, 1, 2, 4, 6, 8])) == pytest.approx((1, 2))
    # The zeros of a flushed gradient do not count: the halves are those of what is left.
    assert half_slopes(np.concatenate([np.zeros(4), 10.0 ** np.array([0, 1, 2, 4, 6, 8])])) == pytest.approx((1, 2))
    assert math.isnan(half_slopes(np.ones(5))[0])


@pytest.mark.parametrize("norm", [0.3, 1e-200])
@pytest.mark.parametrize("scale", [1.0, [[1.0], [2.0], [3.0], [5.0], [7.0]]])
def test_flat_profiles_are_undecided_whatever_the_rounding(norm, scale):
    result = exponential_test(norm * np.ones((5, 100)) * scale)
    assert (result.verdict, result.change.estimate, result.p_value) == (Verdict.UNDECIDED, 0, 1)


def test_straight_profiles_are_exactly_straight_whatever_the_rounding():
    """The coefficient of t^2 is rounding alone, whose sign is the processor's."""
    assert exponential_test(10 ** (-np.arange(1.0, 6)[:, None] * LAGS / 7)).p_value == 1


def test_a_bend_at_the_margin_is_rarely_called_exponential():
    # log10 g = -a k - c k^2 with a change of slope of exactly the margin from half to half: 2 c 50 = 0.25 (a + 99 c).
    generator, a, repeats = np.random.default_rng(1), 0.05, 100
    c = 0.25 * a / (100 - 0.25 * 99)
    said = 0
    for _ in range(repeats):  # with noise at every step, and a random bend of each run as a whole
        bends = 0.5 * generator.standard_normal((5, 1)) * ((LAGS - 49.5) / 100) ** 2
        noise = 0.05 * generator.standard_normal((5, LAGS.size))
        said += exponential_test(10 ** (-a * LAGS - c * LAGS**2 + bends + noise)).verdict is Verdict.HOLDS
    assert said / repeats <= 0.025 + binomial_error(0.025, repeats)


@pytest.mark.parametrize(("bend", "verdict"), [(0.0, Verdict.HOLDS), (3.0, Verdict.FAILS)])
def test_p_value_of_the_verdict(bend, verdict):
    """By hand from the halves: the larger p-value of the change less, and plus, a quarter of the slope."""
    lags = np.arange(60.0)[::-1]
    norms = np.stack([10 ** -((0.1 + 0.01 * run) * lags + bend * (lags / 10) ** 2 / (run + 3)) for run in range(5)])
    norms *= 1 + 0.01 * np.sin(np.add.outer(np.arange(5), lags))
    changes = np.array([np.diff(half_slopes(of_run))[0] for of_run in norms])
    slopes = np.array([fit_gradient(of_run).decay for of_run in norms])
    of_each = [stats.ttest_1samp(changes + sign * 0.25 * np.abs(slopes), 0).pvalue for sign in (-1, 1)]
    test = exponential_test(norms)
    assert test.verdict is verdict
    assert test.p_margin == pytest.approx(max(of_each))
    assert test.p_margin < 0.05
