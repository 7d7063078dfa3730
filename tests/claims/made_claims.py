"""Made-up runs of the claims' experiment, with gradient profiles and histories, every value of which can be changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from tests.analysis.made import MadeSource

Row = dict[str, Any]
Change = Callable[[Row], None]

CELLS = {"rnn": 1, "lstm": 4, "gru": 3, "gru_goodfellow": 3}
"""Cells with their blocks of weights."""
WIDTH, INPUTS, SEEDS, BUDGET = 32, 2, 6, 2000
EQUAL_WIDTHS = {"rnn": 65, "gru": 37}
"""Widths with as many parameters as an LSTM of 32 units."""
SLOPES = {"rnn": 0.3, "lstm": 0.05, "gru": 0.1, "gru_goodfellow": 0.1}
"""Decades lost per step at gain 1; as many are gained per step at gain 2."""
STEPS = {"lstm": 1040.0, "gru": 1000.0, "gru_goodfellow": 1020.0}
"""Steps to solve, all within a factor of 1.1; the RNN never does."""
UNTRAINED, TRAINED = [(100, 1.0), (100, 2.0)], [20, 40]


def profiles(row: Row) -> dict[str, Any]:
    """Of a run, at initialisation and after training."""
    before, after = (np.asarray(row[when](np.arange(row["task.length"]))) for when in ("before", "after"))
    arrays = {"norm": np.stack([before, after])[:, None], "step": np.array([0, row["train.steps"]])}
    if row["cell"] == "lstm":  # h loses two decades per step more, c one
        faster = 10 ** (np.array([[2.0], [1.0]]) * (np.arange(row["task.length"]) - row["task.length"]))
        arrays["norm_by_state"] = arrays["norm"][:, :, None] * faster
    return arrays


def exponential(slope: float) -> Callable[[Any], Any]:
    """The norms g_1 .. g_T of a gradient that loses so many decades a step on its way back."""
    return lambda steps: 10 ** (slope * (steps - steps.max()))


def made(change: Change = lambda row: None, seeds: int = SEEDS) -> Results:
    """Untrained runs at two gains, trained ones at two lengths and at equal parameters, each row changed."""
    rows: list[Row] = []
    for cell in CELLS:
        settings = [(0, length, gain, WIDTH) for length, gain in UNTRAINED]
        settings += [(BUDGET, length, 1.0, WIDTH) for length in TRAINED]
        settings += [(BUDGET, 40, 1.0, EQUAL_WIDTHS[cell])] if cell in EQUAL_WIDTHS else []
        for steps, length, gain, width in settings:
            for seed in range(seeds):
                row = _row(cell, steps, length, gain, width, seed)
                change(row)
                rows.append(row)
    table = pd.DataFrame(rows).drop(columns=["before", "after", "seen_h"])
    histories = pd.DataFrame([{"run": row["run"], "step": 0, "largest_h": row["seen_h"]} for row in rows])
    source = MadeSource(histories, lambda run, _: profiles(next(row for row in rows if row["run"] == run)))
    return Results("made", Path(), sorted_runs(table), source)


def _row(cell: str, steps: int, length: int, gain: float, width: int, seed: int) -> Row:
    noise = 1 + 0.01 * seed
    solved = steps > 0 and cell in STEPS
    gru = cell.startswith("gru")
    slope = SLOPES[cell] * noise * (1 if gain == 1 else -1)
    return {
        "run": f"{cell}-{steps}-{length}-{gain}-{width}-{seed}",
        "status": "done", "task": "adding", "difficulty_setting": "length", "difficulty": length, "cell": cell,
        "seed": seed, "task.length": length, "model.hidden_size": width, "optimizer.lr": 5e-3,
        "model.recurrent_gain": gain, "train.steps": steps, "steps_trained": steps, "train.stop_when_solved": False,
        "solved": solved, "steps_to_solve": STEPS[cell] + 10 * seed if solved else np.nan,
        "steps_to_mse_below_0_01": 500.0 + seed if steps else np.nan,
        "baseline_loss": 1 / 6, "test_loss": (0.15 if cell == "rnn" else 0.001) * noise if steps else 1.0,
        "parameters": 1, "parameters_recurrent_layers": CELLS[cell] * width * (width + INPUTS + 1),
        "state_size": width * (2 if cell == "lstm" else 1),
        "pass_input_size": INPUTS, 
        **({"pass_fused_s": 0.7 * noise, "pass_lstm_fused_s": 1.0, "pass_torch_nn_s": 5.0 * noise,
            "pass_lstm_torch_nn_s": 1.0} if (steps, gain) == (0, 1.0) else {}),
        "largest_h_random_weights": 1.0,
        "update_gate_copy_value": float(cell == "gru_goodfellow") if gru else np.nan,
        "update_gate_copy_error": 0.0 if gru else np.nan,
        "update_gate_leakage": 0.0 if gru else np.nan,
        "reset_gate_ignore_value": 0.0 if gru else np.nan, "reset_gate_state_effect": 0.0 if gru else np.nan,
        "reset_gate_state_effect_opposite": 1.0 if gru else np.nan,
        "time_constant_lower_quartile": 2.0 * noise, "time_constant_upper_quartile": 6.0,
        "time_constant_lower_quartile_initial": 2.0, "time_constant_upper_quartile_initial": 2.2,
        "before": exponential(slope), "after": exponential(slope), "seen_h": 0.9,
    }  # fmt: skip
