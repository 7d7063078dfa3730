"""Verdicts on the claims: by hand-made runs that decide them one way, then the other."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.claims import CLAIMS, Finding, findings
from rnnbench.analysis.claims.claim import Count, Reach
from rnnbench.analysis.claims.gradients import AS_TRAINED
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.matched_comparisons import PARAMETERS, Match
from rnnbench.analysis.matched_comparisons import WIDTH as WIDTH_COLUMN
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.verdict import Verdict, above, below_other, within

CELLS = {"rnn": 1, "lstm": 4, "gru": 3, "gru_goodfellow": 3}
WIDTH, INPUTS, SEEDS = 32, 2, 5
DECAYS = {"rnn": 0.3, "lstm": 0.05, "gru": 0.1, "gru_goodfellow": 0.1}
"""Decades lost per step at gain 1; the same number is gained per step at gain 2."""
LOSSES = {"rnn": 0.15, "lstm": 0.001, "gru": 0.001, "gru_goodfellow": 0.001}
Row = dict[str, Any]
GAIN_1, GAIN_2 = ({"model.recurrent_gain": gain} for gain in (1.0, 2.0))
FUSED, TORCH_NN = ({"compared": "pass_time", "implementation": name} for name in ("fused", "torch_nn"))
STEPS_20, STEPS_40 = ({"compared": "steps_to_solve", "length": length} for length in (20, 40))


class Made:
    """Histories and gradient profiles of made-up runs: exact exponentials."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = {row["run"]: row for row in rows}

    def histories(self, runs: Any) -> pd.DataFrame:
        return pd.DataFrame([{"run": run, "step": 0, "largest_h": self.rows[run]["seen_h"]} for run in runs])

    def probe(self, run: str, name: str) -> dict[str, Any]:
        steps = np.arange(20)
        return {"norm": 10 ** (self.rows[run]["slope"] * (steps - 19.0)).reshape(1, 1, -1), "step": np.array([0])}

    def probes(self) -> list[str]:
        return ["gradient_profile"]


def made(change: Callable[[Row], None] = lambda row: None) -> Results:
    """Untrained runs at two gains, trained ones at two lengths and at equal parameters, each row changed."""
    rows: list[Row] = []
    parts = [(0, 100, 1.0, WIDTH), (0, 100, 2.0, WIDTH), (2000, 20, 1.0, WIDTH), (2000, 40, 1.0, WIDTH)]
    for cell, blocks in CELLS.items():
        equal = {"rnn": 65, "lstm": 32, "gru": 37}.get(cell)
        for steps, length, gain, width in [*parts, *([(2000, 40, 1.0, equal)] if equal not in (None, WIDTH) else [])]:
            for seed in range(SEEDS):
                row = _row(cell, blocks, steps, length, gain, width, seed)
                change(row)
                rows.append(row)
    table = pd.DataFrame(rows).drop(columns=["slope", "seen_h"])
    return Results("made", Path(), sorted_runs(table), Made(rows))


def _row(cell: str, blocks: int, steps: int, length: int, gain: float, width: int, seed: int) -> Row:
    noise = 1 + 0.01 * seed
    solved = steps > 0 and cell != "rnn"
    taken = {"gru": 1000.0, "lstm": 1500.0}.get(cell, 1200.0) + seed
    gru = cell.startswith("gru")
    old = cell == "gru_goodfellow"
    return {
        "run": f"{cell}-{steps}-{length}-{gain}-{width}-{seed}",
        "status": "done", "task": "adding", "difficulty_setting": "length", "difficulty": length, "cell": cell,
        "seed": seed, "task.length": length, "model.hidden_size": width,
        "model.recurrent_gain": gain, "train.steps": steps, "steps_trained": steps,
        "solved": solved, "steps_to_solve": taken if solved else np.nan,
        "test_loss": LOSSES[cell] * noise if steps else 1.0, "baseline_loss": 1 / 6, "backend": "fused",
        "parameters": 1, "parameters_recurrent_layers": blocks * width * (width + INPUTS + 1),
        "training_time_s": 2.0 * blocks, "state_size": width * (2 if cell == "lstm" else 1),
        "pass_input_size": INPUTS, "pass_fused_s": 0.7 * noise, "pass_lstm_fused_s": 1.0,
        "pass_torch_nn_s": 5.0 * noise, "pass_lstm_torch_nn_s": 1.0,
        "largest_h_random_weights": 1.0,
        "update_gate_copy_value": float(old) if gru else np.nan,
        "update_gate_copy_error": 0.0 if gru else np.nan,
        "update_gate_leakage": 0.0 if gru else np.nan,
        "reset_gate_ignore_value": 0.0 if gru else np.nan, "reset_gate_state_effect": 0.0 if gru else np.nan,
        "reset_gate_state_effect_opposite": 1.0 if gru else np.nan,
        "time_constant": 4.0, "time_constant_lower_quartile": 2.0 * noise, "time_constant_upper_quartile": 6.0,
        "time_constant_lower_quartile_initial": 2.0, "time_constant_upper_quartile_initial": 2.2,
        "slope": DECAYS[cell] * noise * (1 if gain == 1 else -1), "seen_h": 0.9,
    }  # fmt: skip


Conditions = dict[Verdict, list[dict[str, Any]]]


def conditions(results: Results, claim: str) -> Conditions:
    """The conditions of each verdict on the claim."""
    cases_by_verdict = finding(results, claim).by_verdict()
    return {verdict: [dict(case.condition) for case in cases] for verdict, cases in cases_by_verdict.items()}


def finding(results: Results, claim: str) -> Finding:
    (found,) = [finding for each, finding in findings(results).items() if each.name == claim]
    return found


def test_every_verdict_of_runs_that_bear_the_notes_out() -> None:
    found = findings(made())
    assert list(found) == list(CLAIMS)
    mixed = {claim.name for claim, finding in found.items() if set(finding.by_verdict()) != {Verdict.HOLDS}}
    assert mixed == {"lstm-partial", "faster"}
    assert conditions(made(), "lstm-partial") == {Verdict.HOLDS: [GAIN_1, AS_TRAINED], Verdict.FAILS: [GAIN_2]}
    assert conditions(made(), "faster") == {Verdict.HOLDS: [FUSED, STEPS_20, STEPS_40], Verdict.FAILS: [TORCH_NN]}


def _set(cell: str, **values: Any) -> Callable[[Row], None]:
    return lambda row: row.update(values) if row["cell"] == cell else None


@pytest.mark.parametrize(
    ("claim", "change", "expected"),
    [
        ("vanishing", lambda row: row.update(slope=0.001 * (row["seed"] - 2)), Verdict.UNDECIDED),
        ("gru-limit", lambda row: row.update(slope=0.001 * (row["seed"] - 2)), Verdict.UNDECIDED),
        ("lstm-partial", _set("lstm", slope=0.6), Verdict.FAILS),
        ("gru-beats-rnn", _set("rnn", test_loss=0.0), Verdict.FAILS),
        ("gru-beats-rnn", lambda row: row.update(test_loss=0.01 + 0.001 * (row["seed"] * 7 % 5 + len(row["cell"]))),
         Verdict.UNDECIDED),
        ("fewer-parameters", _set("gru", parameters_recurrent_layers=9999), Verdict.FAILS),
        ("one-state", _set("gru", state_size=64), Verdict.FAILS),
        ("comparable", _set("lstm", test_loss=0.1), Verdict.FAILS),
        ("convex", _set("gru", seen_h=1.5), Verdict.FAILS),
        ("convex", _set("gru", largest_h_random_weights=math.inf), Verdict.FAILS),
        ("reset-ignores", lambda row: row.update(reset_gate_state_effect=0.3), Verdict.FAILS),
        ("time-scales", _set("gru", time_constant_upper_quartile=2.5), Verdict.FAILS),
        ("sigmoid-candidate", _set("gru_goodfellow", solved=False), Verdict.FAILS),
    ],
)  # fmt: skip
def test_verdicts_turn_with_the_runs(claim: str, change: Callable[[Row], None], expected: Verdict) -> None:
    assert set(conditions(made(change), claim)) == {expected}


@pytest.mark.parametrize(
    ("claim", "change", "expected"),
    [
        ("update-one", _set("gru", update_gate_copy_value=1.0),
         {Verdict.HOLDS: [{"cell": "gru_goodfellow"}], Verdict.FAILS: [{"cell": "gru"}]}),
        ("faster", _set("gru", pass_fused_s=2.0, steps_to_solve=math.nan),
         {Verdict.FAILS: [FUSED, TORCH_NN], Verdict.UNDECIDED: [STEPS_20, STEPS_40]}),
        ("faster", _set("lstm", steps_to_solve=900.0),
         {Verdict.HOLDS: [FUSED], Verdict.FAILS: [TORCH_NN, STEPS_20, STEPS_40]}),
    ],
)  # fmt: skip
def test_cases_turn_one_by_one(claim: str, change: Callable[[Row], None], expected: Conditions) -> None:
    assert conditions(made(change), claim) == expected


def test_numbers_by_hand() -> None:
    found = {claim.name: finding for claim, finding in findings(made()).items()}
    noise = np.mean([1 + 0.01 * seed for seed in range(SEEDS)])
    assert found["vanishing"].number.estimate == pytest.approx(0.3 * noise)
    assert found["fewer-parameters"].number.estimate == 0.75
    (parameters,) = found["fewer-parameters"].cases
    assert parameters.evidence["gru_by_formula"] == 3 * WIDTH * (WIDTH + INPUTS + 1) == 3360
    assert found["one-state"].number.estimate == 0.5
    assert found["faster"].number.estimate == pytest.approx(0.7 * 1.02)
    assert found["gru-beats-rnn"].number.estimate == pytest.approx((0.15 - 0.001) * 6 * noise)
    steps = found["faster"].cases[2].evidence
    assert steps == {
        "solved_gru": Count(5, 5), "solved_lstm": Count(5, 5), "mean_steps_gru": 1002, "mean_steps_lstm": 1502,
        "mean_seconds_gru": 6, "mean_seconds_lstm": 8,
    }  # fmt: skip
    assert found["time-scales"].number.estimate == pytest.approx(3 / 1.02)
    assert len(found["vanishing"].runs) == 3 * SEEDS
    assert found["lstm-partial"].evidence == {"lstm": Reach(40, (20, 40)), "rnn": Reach(0, (20, 40))}


def test_equal_parameters_come_first() -> None:
    first, *others = finding(made(), "gru-beats-rnn").cases
    assert first.condition["length"] == 40
    assert first.condition["match"].column == PARAMETERS
    assert first.condition["match"].value == pytest.approx(4440, rel=0.01)
    assert [case.condition for case in others] == [
        {"length": length, "match": Match(WIDTH_COLUMN, 32)} for length in (20, 40)
    ]


@pytest.mark.parametrize("claim", [claim.name for claim in CLAIMS])
def test_what_is_not_measured_is_said(claim: str) -> None:
    results = made()
    nothing = results.of(results.runs[results.runs["cell"] == "rnn"].drop(columns="pass_input_size"))
    nothing = nothing.of(nothing.runs[nothing.runs["train.steps"] == 1])
    found = finding(nothing, claim)
    assert set(found.by_verdict()) == {Verdict.NOT_MEASURED}
    assert found.missing.startswith("needs")


def test_failed_runs_do_not_count() -> None:
    results = made(lambda row: row.update(status="failed", parameters_recurrent_layers=1) if row["seed"] else None)
    assert set(finding(results, "fewer-parameters").by_verdict()) == {Verdict.HOLDS}
    assert len(finding(results, "one-state").runs) == 8


def test_a_cell_that_stops_solving_within_the_lengths_is_marked() -> None:
    assert not finding(made(), "gru-limit").stops_solving
    short = made(lambda row: row.update(solved=row["solved"] and row["task.length"] == 20))
    assert finding(short, "gru-limit").stops_solving
    assert finding(short, "gru-limit").evidence == {"gru": Reach(20, (20, 40))}


@pytest.mark.parametrize(
    ("interval", "is_above", "is_within"),
    [
        (Interval(0.01, 0.005, 0.02), Verdict.HOLDS, Verdict.HOLDS),
        (Interval(-0.2, -0.3, -0.1), Verdict.FAILS, Verdict.FAILS),
        (Interval(0.04, -0.01, 0.09), Verdict.UNDECIDED, Verdict.UNDECIDED),
        (Interval(0.04, math.nan, math.nan), Verdict.UNDECIDED, Verdict.UNDECIDED),
    ],
)
def test_verdict_of_an_interval(interval: Interval, is_above: Verdict, is_within: Verdict) -> None:
    assert above(interval) is is_above
    assert within(interval, 0.05) is is_within


def test_below_another_needs_intervals_apart() -> None:
    assert below_other(Interval(1, 0, 2), Interval(4, 3, 5)) is Verdict.HOLDS
    assert below_other(Interval(4, 3, 5), Interval(1, 0, 2)) is Verdict.FAILS
    assert below_other(Interval(1, 0, 2), Interval(2, 1, 3)) is Verdict.UNDECIDED
