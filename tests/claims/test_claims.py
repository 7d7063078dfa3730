"""Verdicts on the claims, by made-up runs: of every rule some that it holds for, fails for and cannot decide."""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict
from rnnbench.claims import CLAIMS, learning, selection
from rnnbench.claims.claim import Case, Claim, cases_of, overall
from tests.claims.made_claims import INPUTS, SEEDS, WIDTH, Change, Row, exponential, made

HOLDS, FAILS, UNDECIDED = Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED
BY_NAME = {claim.name: claim for claim in CLAIMS}
CONSTRUCTED = {"fewer-parameters", "one-state", "convex", "update-one", "reset-ignores"}


@pytest.fixture(autouse=True)
def without_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated power takes seconds, and no verdict rests on it."""
    for module in (learning, selection):
        monkeypatch.setattr(module, "detectable_steps_ratio", lambda a, b, generator, level: math.nan)


def found(results: Results, claim: str) -> list[Case]:
    return cases_of(BY_NAME[claim], results)


def decided(results: Results, claim: str) -> Verdict:
    return overall(found(results, claim), BY_NAME[claim].somewhere)


def lacking(results: Results, claim: str) -> str:
    """What the results lack for the claim."""
    (case,) = found(results, claim)
    return str(case.details[""])


def verdicts(results: Results, claim: str, **condition: Any) -> set[Verdict]:
    """The verdicts on the claim's own cases under a condition, of which there must be some."""
    chosen = [
        case.verdict
        for case in found(results, claim)
        if not case.reported_only and all(case.condition.get(name) == value for name, value in condition.items())
    ]
    assert chosen
    return set(chosen)


def each(cell: str, when: str = "", seeds: int = SEEDS * 2, **values: Any) -> Change:
    """Values set in a cell's runs with the first seeds, where the column `when` is not 0; functions take the seed."""

    def change(row: Row) -> None:
        if row["cell"] == cell and row["seed"] < seeds and (not when or row.get(when)):
            row.update({name: value(row["seed"]) if callable(value) else value for name, value in values.items()})

    return change


def trained(cell: str, seeds: int = SEEDS * 2, **values: Any) -> Change:
    return each(cell, "train.steps", seeds, **values)


def unsolved(cell: str, status: str = "done") -> Change:
    return trained(cell, solved=False, steps_to_solve=math.nan, status=status)


def solves_at(cell: str, steps: Any) -> Change:
    return trained(cell, solved=True, steps_to_solve=lambda seed: float(steps(seed)))


def passes(seconds: Any) -> Change:
    """Times of the GRU's pass, in the runs in which it was timed."""
    return each("gru", "pass_fused_s", pass_fused_s=seconds)


def gradient(cell: str, course: Any, when: str = "before") -> Change:
    """The norms of a cell's gradients, as a function of seed and time steps."""

    def change(row: Row) -> None:
        if row["cell"] == cell:
            row[when] = lambda steps: course(row["seed"], steps)

    return change


def decays(cell: str, slope: Any, when: str = "before") -> Change:
    """Exponential gradients, by decades lost per step; a number differs a little between seeds."""
    of_seed = slope if callable(slope) else lambda seed: slope * (1 + 0.01 * seed)
    return gradient(cell, lambda seed, steps: exponential(of_seed(seed))(steps), when)


def both(*changes: Change) -> Change:
    def change(row: Row) -> None:
        for one in changes:
            one(row)

    return change


def noisy(seed: int) -> float:
    """As often above 1 as below."""
    return 1 + 0.6 * (-1) ** seed


def test_every_verdict_of_runs_that_bear_the_notes_out() -> None:
    results = made()
    open_ones = {name: verdict for name in BY_NAME if (verdict := decided(results, name)) is not Verdict.HOLDS}
    assert open_ones == {"faster": Verdict.DEPENDS}
    assert {claim.name for claim in CLAIMS if claim.by_construction} == CONSTRUCTED


LOSSES = {"compared": "loss_at_equal_budgets"}
UNTAUGHT = both(*(each(cell, test_loss=lambda seed: 0.16 + 0.001 * seed) for cell in ("gru", "lstm")))
"""Two cells that have learned nothing, which are not comparable for that."""
PASS_TIME = {"compared": "pass_time", "implementation": "fused"}
STEPS, TIME = {"compared": "steps_to_solve"}, {"compared": "time_to_solve", "implementation": "fused"}


def wavy(slope: Any, height: float) -> Change:
    return gradient("rnn", lambda seed, steps: exponential(slope(seed))(steps) * (1 + height * np.sin(steps + seed)))


def spreads(upper: Any) -> Change:
    return each("gru", time_constant_lower_quartile=2.0, time_constant_upper_quartile=upper)


@pytest.mark.parametrize(
    ("claim", "change", "condition", "expected"),
    [
        ("vanishing", wavy(lambda seed: 0.3 + 0.01 * seed, 1e-3), {}, HOLDS),
        ("vanishing", decays("rnn", lambda seed: -0.06 - 0.002 * seed), {}, HOLDS),
        # R^2 of the straight line is 0.95 here.
        ("vanishing", gradient("rnn", lambda seed, at: np.exp(-(1 + 0.02 * seed) * np.sqrt(at.max() - at))), {}, FAILS),
        ("vanishing", wavy(lambda seed: 0.001 * (seed - 2.5), 0.1), {}, UNDECIDED),
        ("vanishing", gradient("rnn", lambda seed, steps: np.full(steps.shape, 0.3 * (seed + 1))), {}, UNDECIDED),
        ("gru-beats-rnn", unsolved("rnn", "diverged"), {}, HOLDS),
        ("gru-beats-rnn", both(unsolved("gru", "diverged"), solves_at("rnn", lambda seed: 900 + seed)), {}, FAILS),
        ("gru-beats-rnn", solves_at("rnn", lambda seed: 500 + 10 * seed), {}, FAILS),
        ("gru-beats-rnn", solves_at("rnn", lambda seed: 1020 + 400 * (-1) ** seed), {}, UNDECIDED),
        ("gru-beats-rnn", both(unsolved("gru"), unsolved("rnn")), {}, UNDECIDED),
        *(
            (claim, change_of(cell), STEPS, expected)
            for claim, cell in (("comparable", "lstm"), ("sigmoid-candidate", "gru_goodfellow"))
            for change_of, expected in (
                (partial(solves_at, steps=lambda seed: 1030 + 10 * seed), HOLDS),
                (partial(solves_at, steps=lambda seed: 1900 + 10 * seed), FAILS),
                (partial(solves_at, steps=lambda seed: 1300 + 60 * seed), Verdict.DIFFERS),
                (partial(solves_at, steps=lambda seed: 1100 * noisy(seed)), UNDECIDED),
                (partial(unsolved, status="diverged"), FAILS),
            )
        ),
        ("comparable", each("lstm", test_loss=lambda seed: 0.0012 + 1e-5 * seed), LOSSES, HOLDS),
        ("comparable", each("lstm", test_loss=lambda seed: 0.01 + 2e-4 * seed), LOSSES, FAILS),
        ("comparable", each("lstm", test_loss=lambda seed: 0.001 * 10 ** ((-1) ** seed)), LOSSES, UNDECIDED),
        ("comparable", each("lstm", status="diverged", test_loss=math.nan, steps_trained=700), LOSSES, FAILS),
        ("comparable", each("lstm", status=lambda seed: "diverged" if seed == 0 else "done"), LOSSES, UNDECIDED),
        ("comparable", UNTAUGHT, LOSSES, UNDECIDED),
        # The baseline on the same data comes before the expected one.
        ("comparable", both(UNTAUGHT, lambda row: row.update(test_baseline_loss=1.0)), LOSSES, HOLDS),
        ("comparable", trained("gru", 1, test_loss=0.0), LOSSES, Verdict.NOT_MEASURED),
        ("comparable", trained("gru", 1, test_loss=math.nan), LOSSES, Verdict.NOT_MEASURED),
        ("faster", passes(lambda seed: 0.7 + 0.01 * seed), PASS_TIME, HOLDS),
        ("faster", passes(lambda seed: 1.5 + 0.01 * seed), PASS_TIME, FAILS),
        ("faster", passes(noisy), PASS_TIME, UNDECIDED),
        ("faster", solves_at("lstm", lambda seed: 1500 + 10 * seed), STEPS, HOLDS),
        ("faster", unsolved("gru"), STEPS, FAILS),
        ("faster", solves_at("lstm", lambda seed: 1025 * noisy(seed)), STEPS, UNDECIDED),
        ("faster", solves_at("lstm", lambda seed: 1500 + 10 * seed), TIME, HOLDS),
        ("faster", solves_at("lstm", lambda seed: 400 + 10 * seed), TIME, FAILS),
        ("faster", solves_at("lstm", lambda seed: 730 * noisy(seed)), TIME, UNDECIDED),
        ("time-scales", spreads(lambda seed: 6.0 + 0.1 * seed), {}, HOLDS),
        ("time-scales", spreads(lambda seed: 2.05 + 0.001 * seed), {}, FAILS),
        ("time-scales", spreads(lambda seed: 2.6 + 0.45 * (-1) ** seed), {}, UNDECIDED),
    ],
)
def test_a_claim_holds_fails_and_stays_open(claim: str, change: Change, condition: Any, expected: Verdict) -> None:
    seeds = 9 if condition == LOSSES else SEEDS  # signs of fewer than nine pairs cannot reject in each of six cases
    assert verdicts(made(change, seeds), claim, **condition) == {expected}


@pytest.mark.parametrize(
    ("of_rnn", "of_lstm", "expected"),
    [
        (0.3, 0.05, HOLDS),
        (-0.0624, 0.0053, HOLDS),
        (0.05, 0.3, FAILS),
        (0.05, lambda seed: 0.05 * noisy(seed), UNDECIDED),
    ],
)
def test_lstm_partial_is_of_sizes_whichever_way_gradients_go(of_rnn: float, of_lstm: Any, expected: Verdict) -> None:
    results = made(both(decays("rnn", of_rnn), decays("lstm", of_lstm)))
    assert verdicts(results, "lstm-partial") == {expected}
    case = found(results, "lstm-partial")[0]
    if expected is not UNDECIDED:
        assert case.number.estimate == pytest.approx((abs(of_rnn) - abs(of_lstm)) * 1.025)


def test_a_gradient_beyond_the_largest_number_takes_part_with_the_steps_that_have_one() -> None:
    def overflowing(seed: int, steps: Any) -> Any:
        norms = exponential(-0.3 - 0.001 * seed)(steps)
        return np.where(norms > 1e10, np.inf if seed else np.nan, norms)

    change = gradient("rnn", overflowing)
    assert verdicts(made(change), "lstm-partial") == {HOLDS}
    case = found(made(change), "lstm-partial")[0]
    assert case.number.estimate == pytest.approx(0.3025 - 0.05 * 1.025)
    for tensor, more in (("_h", 2), ("_c", 1)):
        alone: Any = case.details[f"slope_lstm{tensor}"]
        assert alone.estimate == pytest.approx(0.05 * 1.025 + more)


@pytest.mark.parametrize(
    ("slope", "expected"),
    [(0.1, HOLDS), (-0.1, HOLDS), (0.002, FAILS), (-0.002, FAILS), (lambda seed: noisy(seed) / 99, UNDECIDED)],
)
def test_gru_limit_asks_for_a_decade_over_the_sequence(slope: Any, expected: Verdict) -> None:
    before, after = decays("gru", slope), decays("gru", slope, "after")
    assert verdicts(made(before), "gru-limit", length=100) == {expected}
    assert verdicts(made(before), "gru-limit", when="after training") == {HOLDS}
    if callable(slope):
        return
    assert verdicts(made(after), "gru-limit", when="after training", length=40) == {expected}
    assert verdicts(made(after), "gru-limit", length=100) == {HOLDS}


def test_gru_limit_takes_one_length_of_a_start() -> None:
    """0.04 decades a step are 0.76 over 20 steps and 1.56 over 40."""
    results = made(both(*(decays("gru", lambda seed: 0.04 + 1e-4 * seed, when) for when in ("before", "after"))))
    assert verdicts(results, "gru-limit", length=20) == {FAILS}
    assert verdicts(results, "gru-limit", length=40) == {HOLDS}
    assert decided(results, "gru-limit") is Verdict.HOLDS


@pytest.mark.parametrize(
    ("decay", "side", "expected"),
    [(0.5, 1, HOLDS), (-2.5, -1, HOLDS), (lambda seed: 0.5 * (-1) ** seed, 0, UNDECIDED)],
    ids=["too small", "too large", "both"],
)
def test_a_gradient_that_is_no_number_has_lost_at_least_what_is_seen(decay: Any, side: int, expected: Verdict) -> None:
    """Elements below 1e-31 are 0 and those above 1e200 infinite; no interval is given."""

    def flushed(seed: int, steps: Any) -> Any:
        norms = exponential(decay(seed) if callable(decay) else decay + 0.001 * seed)(steps)
        return np.where(norms < 1e-31, 0, np.where(norms > 1e200, np.inf, norms))

    cases = [case for case in found(made(gradient("gru", flushed)), "gru-limit") if case.condition.get("length") == 100]
    assert {case.verdict for case in cases} == {expected}
    for number in [case.number for case in cases]:
        assert number.estimate == pytest.approx(side * math.inf if side else math.nan, nan_ok=True)
        assert side <= 0 or (30 < number.low <= 31 and number.high == math.inf)
        assert side >= 0 or (-201 < number.high < -190 and number.low == -math.inf)


def test_diverged_runs_have_no_gradient_after_training() -> None:
    def diverging(row: Row) -> None:
        if row["seed"] == 0 and row["train.steps"]:
            row["status"] = "diverged"

    cases = [case for case in found(made(diverging), "gru-limit") if case.condition.get("when")]
    counts = {case.condition["when"]: (len(case.runs), case.details) for case in cases}
    assert counts["after training"] == (SEEDS - 1, {"runs_without_a_gradient": 1})
    assert counts["as started for training"] == (SEEDS, {})


@pytest.mark.parametrize("claim", ["lstm-partial", "gru-limit"])
def test_that_a_cell_stops_solving_is_reported_alongside_its_claim(claim: str) -> None:
    cell = "lstm" if claim == "lstm-partial" else "gru"

    def stops(row: Row) -> None:
        if row["task.length"] == 40:
            unsolved(cell)(row)

    for results, expected in ((made(stops), HOLDS), (made(), UNDECIDED), (made(unsolved(cell)), UNDECIDED)):
        (case,) = [case for case in found(results, claim) if case.reported_only]
        assert case.verdict is expected
        assert decided(results, claim) is Verdict.HOLDS
    (case,) = [case for case in found(made(stops), claim) if case.reported_only]
    assert case.condition == {"compared": "stops_solving", "length": 40, "budget": 2000}
    assert case.details == {
        "solved_at_20": (6, 6), "solved_at_40": (0, 6),
        "mse_below_0_01_at_20": (6, 6), "mse_below_0_01_at_40": (6, 6),
    }  # fmt: skip


def test_losses_of_runs_that_stop_are_not_compared() -> None:
    cases = found(made(lambda row: row.update({"train.stop_when_solved": True})), "comparable")
    assert {case.condition["compared"] for case in cases} == {"steps_to_solve"}


def test_several_rates_must_be_tuned() -> None:
    results = made(lambda row: row.update({"optimizer.lr": 1e-3 * (1 + (row["cell"] == "gru"))}))
    assert "tuned=optimizer.lr" in lacking(results, "gru-beats-rnn")
    tuned = Results(**{**vars(results), "tuned": "optimizer.lr"})
    assert {case.condition["rate"] for case in found(tuned, "gru-beats-rnn")} == {"tuned for each cell and length"}


def test_time_scales_leave_out_diverged_runs_and_say_so() -> None:
    diverged = {"status": lambda seed: "diverged" if seed == 0 else "done"}
    infinite = {"time_constant_upper_quartile": lambda seed: math.inf if seed == 1 else 6.0}
    (case, _) = found(made(each("gru", **diverged, **infinite)), "time-scales")
    assert case.verdict is HOLDS
    assert (len(case.runs), case.details["runs_left_out"]) == (SEEDS - 2, 2)


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("fewer-parameters", each("gru", parameters_recurrent_layers=9999)),
        ("one-state", each("gru", state_size=64)),
        ("convex", each("gru", largest_h_random_weights=math.inf)),
        ("update-one", each("gru", update_gate_copy_value=1.0)),
        ("reset-ignores", each("gru", reset_gate_state_effect=0.3)),
    ],
)
def test_what_is_true_by_construction_fails_where_the_code_differs(claim: str, change: Change) -> None:
    assert verdicts(made(), claim) == {HOLDS}
    assert FAILS in verdicts(made(change), claim)


def test_what_is_true_by_construction_has_no_runs_and_no_test() -> None:
    for claim in CONSTRUCTED:
        assert all(case.runs == () and not case.test for case in found(made(), claim))
    (case,) = found(made(), "fewer-parameters")
    assert case.number.estimate == 0.75
    assert case.details["gru_by_formula"] == 3 * WIDTH * (WIDTH + INPUTS + 1) == 3360


def case_of(verdict: Verdict, reported_only: bool = False, **condition: Any) -> Case:
    return Case(condition, verdict, Interval(1.0), "", reported_only=reported_only)


def test_a_single_run_decides_nothing() -> None:
    results = made(seeds=1)
    measured = [claim.name for claim in CLAIMS if not claim.by_construction]
    assert {case.verdict for name in measured for case in found(results, name)} == {UNDECIDED}


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS, HOLDS], Verdict.HOLDS),
        ([FAILS], Verdict.FAILS),
        ([HOLDS, FAILS, UNDECIDED], Verdict.DEPENDS),
        ([HOLDS, UNDECIDED], Verdict.UNDECIDED),
        ([UNDECIDED], Verdict.UNDECIDED),
        ([HOLDS, Verdict.DIFFERS], Verdict.DEPENDS),
        ([], Verdict.NOT_MEASURED),
    ],
)
def test_overall(verdicts: list[Verdict], expected: Verdict) -> None:
    cases = [case_of(verdict, length=length) for length, verdict in enumerate(verdicts)]
    assert overall(cases) is expected
    assert overall([*cases, case_of(FAILS, reported_only=True)]) is expected


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_what_is_not_measured_is_said(claim: Claim) -> None:
    results = made()
    nothing = results.of(results.runs[results.runs["cell"] == "rnn"].drop(columns="pass_input_size"))
    nothing = nothing.of(nothing.runs[nothing.runs["train.steps"] == 1])
    assert decided(nothing, claim.name) is Verdict.NOT_MEASURED
    assert lacking(nothing, claim.name).startswith("needs")


LOST = {"solved": False, "steps_to_solve": math.nan, "test_loss": math.nan}


def test_failed_runs_are_losses_beyond_all_others() -> None:
    results = made(trained("gru", status="failed", **LOST))
    assert verdicts(results, "comparable", compared="steps_to_solve") == {FAILS}
    losses = [case for case in found(results, "comparable") if "loss" in case.condition["compared"]]
    assert {case.number.estimate for case in losses} == {math.inf}
    (stops,) = (case for case in found(results, "gru-limit") if case.reported_only)
    assert stops.details["solved_at_40"] == (0, SEEDS)


@pytest.mark.parametrize("claim", ["gru-limit", "vanishing", "gru-beats-rnn", "comparable", "faster", "time-scales"])
def test_several_tasks_are_not_one(claim: str) -> None:
    """Copying over 40 steps is not adding over 40."""
    results = made()
    trained_runs = results.runs[results.runs["train.steps"] > 0]
    copying = trained_runs.assign(task="copy_memory", difficulty_setting="delay", run=trained_runs["run"] + "-copying")
    together = pd.concat([results.runs, copying], ignore_index=True)
    told = [str(case.details.get("")) for case in found(results.of(together.drop(columns="variant")), claim)]
    assert any(text.startswith("needs one task, but there are adding and copy_memory") for text in told)


def test_a_task_without_a_length_is_said() -> None:
    results = made(lambda row: row.update(difficulty="Nottingham", difficulty_setting="data"))
    assert "choose tasks with a length" in lacking(results, "gru-limit")
