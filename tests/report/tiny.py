"""A tiny experiment in memory that every table and figure can be made from."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs

CELLS = ("rnn", "lstm", "gru")
LENGTHS, SEEDS = (10, 20), (0, 1, 2)
STEPS = np.array([0, 100, 200])
DECAY = {"rnn": 0.5, "lstm": 0.1, "gru": -0.2}
"""Decades that the gradient loses per time step, at every training step."""
TENSOR_DECAY = {"h": 0.3, "c": 0.05}
"""The same of the LSTM's tensors alone; nothing depends on the last c."""

GATES = {"rnn": 0, "lstm": 3, "gru": 2}
EXPONENT = {"rnn": -1.0, "lstm": -0.01, "gru": 0.2}
"""Largest Lyapunov exponent after training of the first seed; 0.01 more of each further one."""


def gates(count: int) -> dict[str, Any]:
    """Gate n at 0.1 n everywhere, with 8 units; in training a tenth of the values closes, and a fifth opens."""
    along = np.ones((len(STEPS), 1, count, 10)) * 0.1 * np.arange(count)[:, None]
    over = np.array([0, 0.05, 0.1])[:, None, None] * np.ones((1, 1, 8 * count))
    return {
        "step": STEPS, "gate_closed_fraction": over, "gate_open_fraction": 2 * over,
        "gate_mean": along, "gate_closed": along / 2, "gate_open": along / 4,
    }  # fmt: skip


def spectrum(exponent: float) -> dict[str, Any]:
    """Of two examples around it, four exponents that fall by 1, all 1 less before training; norms of 2."""
    leading = exponent - np.arange(4.0) + np.array([[-0.1], [0.1]])
    return {
        "step": STEPS, "norm": np.full((3, 1, 2, 10), 2.0),
        "exponents": np.stack([leading - 1, leading, leading])[:, None],
    }  # fmt: skip


class TinySource:
    """Histories and profiles: exact exponentials over ten time steps."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = {row["run"]: row for row in rows}

    def histories(self, runs: Any) -> pd.DataFrame:
        losses = {run: np.geomspace(1.0, self.rows[run]["validation_loss"], len(STEPS)) for run in runs}
        return pd.DataFrame(
            {"run": run, "step": step, "validation_loss": loss, "largest_h": 0.5}
            for run, values in losses.items()
            for step, loss in zip(STEPS, values, strict=True)
        )

    def probe(self, run: str, name: str) -> dict[str, Any]:
        cell, lags = self.rows[run]["cell"], np.arange(10) - 9.0
        if name == "gate_statistics":
            return gates(GATES[cell])
        if name == "state_jacobian":
            return spectrum(EXPONENT[cell] + 0.01 * self.rows[run]["seed"])
        arrays = {"norm": np.tile(10 ** (DECAY[cell] * lags), (len(STEPS), 1, 1)), "step": STEPS}
        if cell == "lstm":
            by_state = [10 ** (TENSOR_DECAY["h"] * lags), np.where(lags < 0, 10 ** (TENSOR_DECAY["c"] * (lags + 1)), 0)]
            arrays["norm_by_state"] = np.tile(by_state, (len(STEPS), 1, 1, 1))
        return arrays

    def probes(self) -> list[str]:
        return ["gradient_profile"]


def tiny(vary: str | None = None) -> Results:
    """Three cells at two lengths, three seeds; with `vary` each at two values of that setting.

    The RNN never solves it, the LSTM only the shorter one, the GRU both; its loss is smallest.
    """
    values = {
        None: [None],
        "optimizer.lr": [0.01, 0.1],
        "model.recurrent_gain": [0.5, 2.0],
        "model.initialisation": ["default", "orthogonal"],
    }[vary]
    rows = [_row(cell, length, seed, vary, value)
            for cell in CELLS for length in LENGTHS for value in values for seed in SEEDS]  # fmt: skip
    return Results("tiny", Path("tiny"), sorted_runs(pd.DataFrame(rows)), TinySource(rows))


def _row(cell: str, length: int, seed: int, vary: str | None, value: Any) -> dict[str, Any]:
    loss = {"rnn": 0.16, "lstm": 0.05, "gru": 0.01}[cell] * (1 + 0.1 * seed) * (2 if value == 0.1 else 1)
    solved = cell == "gru" or (cell == "lstm" and length == 10)
    passes = {"fused": 1.0, "eager": 8.0, "torch_nn": 4.0, "torch_mm": 2.0, "lstm_fused": 1.0, "lstm_torch_nn": 1.0}
    row = {
        "run": f"{cell}-adding-{seed}-{length}{value}", "status": "done", "task": "adding",
        "difficulty_setting": "length", "difficulty": length, "cell": cell, "seed": seed,
        "backend": "fused", "task.length": length, "model.hidden_size": 8, "model.recurrent_gain": 1.0,
        "model.initialisation": "default", "optimizer.lr": 0.01, "train.steps": 200, "train.batch_size": 4,
        "threads": 1, "steps_trained": 200, "solved": solved, "steps_to_solve": 100.0 if solved else np.nan,
        "diverged_at_step": np.nan, "baseline_loss": 1 / 6, "validation_loss": loss, "test_loss": loss,
        "test_loss_at_40": 2 * loss, "test_baseline_loss_at_40": 1 / 6,
        "step_time_s": 0.002, "training_time_s": 0.4,
        "parameters": 100 + len(cell), "parameters_recurrent_layers": 96, "state_size": 8,
        "gradient_half_life": 4.0, "gradient_half_life_initial": 2.0, "pass_steps": length, "pass_input_size": 2,
        **{f"pass_{name}{end}_s": seconds * 1e-3 for name, seconds in passes.items()
           for end in ("", "_best", "_lower_quartile", "_upper_quartile")},
        **{f"pass_{name}_fraction_of_peak": 0.5 / seconds for name, seconds in passes.items()},
        "peak_gflops": 80.0, "pass_cpu_load": 0.1, "processor": "AMD EPYC", "cpu_family": 25, "cpu_model": 17,
        "vector_width_bits": 512,
    }  # fmt: skip
    return row if vary is None else row | {vary: value}
