"""Verdicts on the claims: by hand-made runs that decide them one way, then the other."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.claims import CLAIMS, COLUMNS, judge
from rnnbench.analysis.claims.claim import above, verdict
from rnnbench.analysis.claims.learning import within
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results, sorted_runs

CELLS = {"rnn": 1, "lstm": 4, "gru": 3, "gru_goodfellow": 3}
WIDTH, INPUTS, SEEDS = 32, 2, 5
DECAYS = {"rnn": 0.3, "lstm": 0.05, "gru": 0.1, "gru_goodfellow": 0.1}
"""Decades lost per step at gain 1; the same number is gained per step at gain 2."""
LOSSES = {"rnn": 0.15, "lstm": 0.001, "gru": 0.001, "gru_goodfellow": 0.001}
Row = dict[str, Any]


class Made:
    """Histories and gradient profiles of made-up runs: exact exponentials."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = {row["run"]: row for row in rows}

    def histories(self, runs: Any) -> pd.DataFrame:
        return pd.DataFrame([{"run": run, "step": 0, "largest_h": self.rows[run]["seen_h"]} for run in runs])

    def probe(self, run: str, name: str) -> dict[str, Any]:
        steps = np.arange(20)
        return {"norm": 10 ** (self.rows[run]["slope"] * (steps - 19.0)).reshape(1, 1, 1, -1), "step": np.array([0])}

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
        "status": "done", "task": "adding", "task_setting": f"length {length}", "cell": cell, "setting": "",
        "seed": seed, "difficulty": "length", "task.length": length, "model.hidden_size": width,
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


def verdicts(results: Results) -> dict[str, str]:
    table = judge(results)
    assert list(table["claim"]) == [claim.name for claim in CLAIMS]
    assert set(COLUMNS) <= set(table.columns)
    return dict(zip(table["claim"], table["verdict"], strict=True))


def test_every_verdict_of_runs_that_bear_the_notes_out() -> None:
    found = verdicts(made())
    assert found.pop("lstm-partial") == "depends on the start: holds at gain 1, as started; fails at gain 2"
    assert found.pop("faster") == (
        "depends on what is timed: holds on the same kind of kernel (fused), steps to solve length 20, steps to solve "
        "length 40; fails as shipped in torch.nn"
    )
    assert set(found.values()) == {"holds"}, found


def _set(cell: str, **values: Any) -> Callable[[Row], None]:
    return lambda row: row.update(values) if row["cell"] == cell else None


@pytest.mark.parametrize(
    ("claim", "change", "expected"),
    [
        ("vanishing", lambda row: row.update(slope=0.001 * (row["seed"] - 2)), "undecided"),
        ("gru-limit", lambda row: row.update(slope=0.001 * (row["seed"] - 2)), "undecided"),
        ("lstm-partial", _set("lstm", slope=0.6), "fails"),
        ("gru-beats-rnn", _set("rnn", test_loss=0.0), "fails"),
        ("gru-beats-rnn", lambda row: row.update(test_loss=0.01 + 0.001 * (row["seed"] * 7 % 5 + len(row["cell"]))),
         "undecided"),
        ("fewer-parameters", _set("gru", parameters_recurrent_layers=9999), "fails"),
        ("one-state", _set("gru", state_size=64), "fails"),
        ("comparable", _set("lstm", test_loss=0.1), "fails"),
        ("convex", _set("gru", seen_h=1.5), "fails"),
        ("convex", _set("gru", largest_h_random_weights=math.inf), "fails"),
        ("update-one", _set("gru", update_gate_copy_value=1.0),
         "depends on the form: holds for gru_goodfellow; fails for gru"),
        ("reset-ignores", lambda row: row.update(reset_gate_state_effect=0.3), "fails"),
        ("time-scales", _set("gru", time_constant_upper_quartile=2.5), "fails"),
        ("sigmoid-candidate", _set("gru_goodfellow", solved=False), "fails"),
        ("faster", _set("gru", pass_fused_s=2.0, steps_to_solve=math.nan),
         "depends on what is timed: fails on the same kind of kernel (fused), as shipped in torch.nn; undecided steps "
         "to solve length 20, steps to solve length 40"),
        ("faster", _set("lstm", steps_to_solve=900.0),
         "depends on what is timed: holds on the same kind of kernel (fused); fails as shipped in torch.nn, steps to "
         "solve length 20, steps to solve length 40"),
    ],
)  # fmt: skip
def test_verdicts_turn_with_the_runs(claim: str, change: Callable[[Row], None], expected: str) -> None:
    assert verdicts(made(change))[claim] == expected


def test_numbers_by_hand() -> None:
    table = judge(made()).set_index("claim")
    noise = np.mean([1 + 0.01 * seed for seed in range(SEEDS)])
    assert table.loc["vanishing", "number"] == pytest.approx(0.3 * noise)
    assert table.loc["fewer-parameters", "number"] == 0.75
    assert "3360 by formula" in table.loc["fewer-parameters", "details"]
    assert table.loc["one-state", "number"] == 0.5
    assert table.loc["faster", "number"] == pytest.approx(0.7 * 1.02)
    assert table.loc["gru-beats-rnn", "number"] == pytest.approx((0.15 - 0.001) * 6 * noise)
    assert "GRU against LSTM 1002 in 6 s against 1502 in 8 s on average" in table.loc["faster", "details"]
    assert table.loc["time-scales", "number"] == pytest.approx(3 / 1.02)
    assert table.loc["gru-beats-rnn", "details"].startswith("at length 40, about 4,400 parameters each")
    assert table.loc["vanishing", "runs"] == 3 * SEEDS


@pytest.mark.parametrize("claim", [claim.name for claim in CLAIMS])
def test_what_is_not_measured_is_said(claim: str) -> None:
    results = made()
    nothing = results.of(results.runs[results.runs["cell"] == "rnn"].drop(columns="pass_input_size"))
    nothing = nothing.of(nothing.runs[nothing.runs["train.steps"] == 1])
    assert verdicts(nothing)[claim].startswith("not measured: needs")


def test_failed_runs_do_not_speak() -> None:
    results = made(lambda row: row.update(status="failed", parameters_recurrent_layers=1) if row["seed"] else None)
    table = judge(results).set_index("claim")
    assert table.loc["fewer-parameters", "verdict"] == "holds"
    assert table.loc["one-state", "runs"] == 8


def test_verdict_of_several_cases() -> None:
    assert verdict({"a": True, "b": True}, "x") == "holds"
    assert verdict({"a": False}, "x") == "fails"
    assert verdict({"a": None, "b": None}, "x") == "undecided"
    assert (
        verdict({"a": True, "b": None, "c": False, "d": True}, "x") == "depends on x: holds a, d; fails c; undecided b"
    )


@pytest.mark.parametrize(
    ("interval", "truth", "comparable"),
    [
        (Interval(0.01, 0.005, 0.02), True, True),
        (Interval(-0.2, -0.3, -0.1), False, False),
        (Interval(0.04, -0.01, 0.09), None, None),
        (Interval(0.04, math.nan, math.nan), None, None),
    ],
)
def test_truth_of_an_interval(interval: Interval, truth: bool | None, comparable: bool | None) -> None:
    assert above(interval) is truth
    assert within(interval) is comparable
