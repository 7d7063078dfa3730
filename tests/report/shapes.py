"""Results of any shape, in memory: few and many cells, one seed, no history, failed and diverged runs, other tasks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from tests.report.tiny import gates, spectrum

STEPS = np.array([0, 100, 200])
TIME_STEPS = 10
OTHER_PROBES: dict[str, Callable[[Any], dict[str, Any]]] = {"gate_statistics": gates, "state_jacobian": spectrum}


class MadeSource:
    """Histories from 1 to each run's last validation loss, and exponential profiles; none of runs without them."""

    def __init__(self, rows: Sequence[dict[str, Any]], recorded: Callable[[dict[str, Any]], bool]) -> None:
        self.rows = {row["run"]: row for row in rows if recorded(row)}

    def histories(self, runs: Any) -> pd.DataFrame:
        rows = [
            {"run": run, "step": step, "validation_loss": loss, "largest_h": 0.5}
            for run in runs
            if run in self.rows and self.rows[run]["status"] != "failed"
            for step, loss in zip(
                STEPS, np.geomspace(1, self.rows[run].get("validation_loss", 0.5), len(STEPS)), strict=True
            )
        ]
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["step", "run"])

    def probe(self, run: str, name: str) -> dict[str, Any]:
        if run not in self.rows or self.rows[run]["status"] == "failed":
            return {}
        if name in OTHER_PROBES:
            return OTHER_PROBES[name](2 if name == "gate_statistics" else 0.1 - 0.01 * self.rows[run]["place"])
        norms = 10 ** (0.01 * (1 + self.rows[run]["place"] % 12) * (np.arange(TIME_STEPS) - 9.0))
        return {"norm": np.tile(norms, (len(STEPS), 1, 1)), "step": STEPS}

    def probes(self) -> list[str]:
        return ["gradient_profile"]


def made(
    cells: int = 3,
    tasks: Sequence[str] = ("adding",),
    lengths: Sequence[int] = (10,),
    seeds: int = 3,
    rates: Sequence[float] = (0.01,),
    status: Callable[[int, int], str] = lambda place, seed: "done",
    recorded: Callable[[dict[str, Any]], bool] = lambda row: True,
) -> Results:
    """Runs of so many cells, the menu's first and others of longer names. Cell n's loss grows with n.

    The task `music` has neither baseline nor criterion; it has a measure of its own. A run that failed has nothing.
    """
    rows = [
        _row(place, task, length, seed, rate, status(place, seed))
        for place in range(cells)
        for task in tasks
        for length in lengths
        for rate in rates
        for seed in range(seeds)
    ]
    runs = pd.DataFrame(rows).drop(columns="place")
    runs = runs.dropna(axis=1, how="all").assign(
        **{name: runs[name] for name in ("steps_to_solve", "diverged_at_step", "test_loss", "steps_trained")}
    )
    return Results("made", Path("made"), sorted_runs(runs), MadeSource(rows, recorded))


def cell_name(place: int) -> str:
    """Names as long as those of the literature's cells."""
    first = ("rnn", "lstm", "gru")
    return first[place] if place < len(first) else f"gated_cell_variant_{place}"


def _row(place: int, task: str, length: int, seed: int, rate: float, status: str) -> dict[str, Any]:
    other = task == "music"
    loss = 0.01 * (1 + 0.3 * place) * (1 + 0.1 * seed) * (rate / 0.01) ** 0.3 * (length / 10) * (300 if other else 1)
    solved = not other and loss < 0.05 and status == "done"
    identity = {
        "run": f"{cell_name(place)}-{task}-{seed}-{length}{rate}", "status": status, "task": task, "place": place,
        "difficulty_setting": "path" if other else "length", "difficulty": f"file{length}" if other else length,
        "cell": cell_name(place), "seed": seed, "backend": "fused", "task.length": length, "model.hidden_size": 8,
        "model.recurrent_gain": 1.0, "model.initialisation": "default", "optimizer.lr": rate, "train.steps": 200,
        "train.batch_size": 4, "threads": 1, "solved": solved, "steps_to_solve": np.nan, "diverged_at_step": np.nan,
        "test_loss": np.nan, "steps_trained": np.nan,
    }  # fmt: skip
    if status == "failed":
        return identity | {"error": "ValueError: broken"}
    times = {f"pass_{name}{end}_s": 1e-3 * (1 + place) for name in ("fused", "eager", "torch_nn", "torch_mm")
             for end in ("", "_best", "_lower_quartile", "_upper_quartile")}  # fmt: skip
    fractions = {f"pass_{name}_fraction_of_peak": 0.5 for name in ("fused", "eager", "torch_nn", "torch_mm")}
    measured = identity | times | fractions | {
        "steps_trained": 200, "has_criterion": not other, "baseline_loss": np.nan if other else 1 / 6,
        "validation_loss": loss, "training_time_s": 0.4,
        "step_time_s": 0.002 * (1 + 0.1 * place), "parameters": 100 + place,
        "parameters_recurrent_layers": 96, "state_size": 8, "gradient_half_life": 4.0,
        "gradient_half_life_initial": 2.0, "gradient_decades_lost": 1.0, "gradient_decades_lost_initial": 2.0,
        "pass_steps": length, "pass_input_size": 2, "peak_gflops": 80.0, "pass_cpu_load": 0.1,
        "processor": "AMD EPYC", "cpu_family": 25, "cpu_model": 17, "vector_width_bits": 512,
    }  # fmt: skip
    if status == "diverged":
        return measured | {"diverged_at_step": 150, "steps_trained": 150}
    steps = {"steps_to_solve": 100.0 + 10 * seed} if solved else {}
    own = {"measure": "frame_accuracy", "test_frame_accuracy": 0.3 + 0.01 * place + 0.002 * seed} if other else {}
    return measured | {"test_loss": loss} | steps | own
