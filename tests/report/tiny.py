"""Results in memory that every table and figure can be made from: a tiny experiment, and others of any shape."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import OmegaConf

from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.tuning import tune
from tests.analysis.made import MadeSource

CONFIGURATION = Path(__file__).parents[2] / "conf"
CELLS = ("rnn", "lstm", "gru")
LENGTHS, SEEDS = (10, 20), (0, 1, 2)
STEPS = np.array([0, 100, 200])
LAGS = np.arange(10) - 9.0
DECAY = {"rnn": 0.5, "lstm": 0.1, "gru": -0.2}
"""Decades that the gradient loses per time step, at every training step."""
TENSOR_DECAY = {"h": 0.3, "c": 0.05}
"""The same of the LSTM's tensors alone; nothing depends on the last c."""
GATES = {"rnn": 0, "lstm": 3, "gru": 2}
EXPONENT = {"rnn": -1.0, "lstm": -0.01, "gru": 0.2}
"""Largest Lyapunov exponent after training of the first seed; 0.01 more of each further one."""


def component(kind: str, name: str) -> Any:
    """A figure or table of the menu."""
    return instantiate(OmegaConf.load(CONFIGURATION / kind / f"{name}.yaml"))


def menu(kind: str) -> list[str]:
    """Their names."""
    return sorted(path.stem for path in (CONFIGURATION / kind).glob("*.yaml"))


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


def profile(decay: float, tensors: bool) -> dict[str, Any]:
    """Exact exponentials over ten time steps, of an LSTM's tensors too."""
    arrays = {"norm": np.tile(10 ** (decay * LAGS), (len(STEPS), 1, 1)), "step": STEPS}
    if tensors:
        by_state = [10 ** (TENSOR_DECAY["h"] * LAGS), np.where(LAGS < 0, 10 ** (TENSOR_DECAY["c"] * (LAGS + 1)), 0)]
        arrays["norm_by_state"] = np.tile(by_state, (len(STEPS), 1, 1, 1))
    return arrays


def source(rows: Sequence[dict[str, Any]], arrays: Callable[[dict[str, Any], str], dict[str, Any]]) -> MadeSource:
    """Histories from 1 to each run's last validation loss, and the arrays of its probes; none of a failed run."""
    of_run = {row["run"]: row for row in rows if row["status"] != "failed"}
    histories = [
        {"run": run, "step": step, "validation_loss": loss, "largest_h": 0.5}
        for run, row in of_run.items()
        for step, loss in zip(STEPS, np.geomspace(1, row["validation_loss"], len(STEPS)), strict=True)
    ]
    table = pd.DataFrame(histories) if histories else None
    return MadeSource(table, lambda run, name: arrays(of_run[run], name) if run in of_run else {})


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

    def row(cell: str, length: int, seed: int, value: Any) -> dict[str, Any]:
        loss = {"rnn": 0.16, "lstm": 0.05, "gru": 0.01}[cell] * (1 + 0.1 * seed) * (2 if value == 0.1 else 1)
        solved = cell == "gru" or (cell == "lstm" and length == 10)
        passes = {"fused": 1.0, "eager": 8.0, "torch_nn": 4.0, "torch_mm": 2.0, "lstm_fused": 1.0, "lstm_torch_nn": 1.0}
        return _identity(f"{cell}-adding-{seed}-{length}{value}", cell, "adding", length, seed) | _measured(passes) | {
            "solved": solved, "steps_to_solve": 100.0 if solved else np.nan, "diverged_at_step": np.nan,
            "validation_loss": loss, "test_loss": loss, "test_loss_at_40": 2 * loss, "test_baseline_loss_at_40": 1 / 6,
            "step_time_s": 0.002, "parameters": 100 + len(cell), "pass_steps": length,
            **({vary: value} if vary else {}),
        }  # fmt: skip

    def arrays(row: dict[str, Any], probe: str) -> dict[str, Any]:
        cell = row["cell"]
        if probe == "gate_statistics":
            return gates(GATES[cell])
        if probe == "state_jacobian":
            return spectrum(EXPONENT[cell] + 0.01 * row["seed"])
        return profile(DECAY[cell], cell == "lstm")

    rows = [row(*of) for of in ((cell, length, seed, value)
            for cell in CELLS for length in LENGTHS for value in values for seed in SEEDS)]  # fmt: skip
    return Results("tiny", Path("tiny"), sorted_runs(pd.DataFrame(rows)), source(rows, arrays))


def searched() -> Results:
    """42 trials of each cell of `tiny` at the shorter length, by rate and width; the rate explains the loss."""
    results, generator = tiny(), np.random.default_rng(0)
    runs = pd.concat([results.runs[results.runs["difficulty"] == LENGTHS[0]]] * 14, ignore_index=True)
    runs["run"] += runs.index.astype(str)
    runs["seed"] = runs.index
    runs["cell.variant"] = runs["cell"].replace("lstm", "vanilla")
    runs["optimizer.lr"] = 10 ** generator.uniform(-4, -1, len(runs))
    runs["model.hidden_size"] = generator.integers(16, 64, len(runs))
    for loss in ("validation_loss", "test_loss"):
        runs[loss] *= 1 + (np.log10(runs["optimizer.lr"]) + 2) ** 2
    return replace(results, runs=runs)


def results_for(name: str) -> Results:
    """What the figure or table of the menu can be made of."""
    if name in ("learning_rate_sensitivity", "tuned_settings"):
        return tune(tiny("optimizer.lr"), "optimizer.lr")
    if name == "random_search":
        return searched()
    return tiny("model.recurrent_gain") if name == "decay_by_gain" else tiny()


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

    def arrays(row: dict[str, Any], probe: str) -> dict[str, Any]:
        if probe == "gate_statistics":
            return gates(2)
        place = row["place"]
        return spectrum(0.1 - 0.01 * place) if probe == "state_jacobian" else profile(0.01 * (1 + place % 12), False)

    return Results("made", Path("made"), sorted_runs(runs), source(list(filter(recorded, rows)), arrays))


def _row(place: int, task: str, length: int, seed: int, rate: float, status: str) -> dict[str, Any]:
    other = task == "music"
    cell = CELLS[place] if place < len(CELLS) else f"gated_cell_variant_{place}"  # as long as the literature's
    loss = 0.01 * (1 + 0.3 * place) * (1 + 0.1 * seed) * (rate / 0.01) ** 0.3 * (length / 10) * (300 if other else 1)
    solved = not other and loss < 0.05 and status == "done"
    identity = _identity(f"{cell}-{task}-{seed}-{length}{rate}", cell, task, length, seed) | {
        "status": status, "place": place, "difficulty_setting": "path" if other else "length",
        "difficulty": f"file{length}" if other else length, "optimizer.lr": rate, "solved": solved,
        "steps_to_solve": np.nan, "diverged_at_step": np.nan, "test_loss": np.nan, "steps_trained": np.nan,
    }  # fmt: skip
    if status == "failed":
        return identity | {"error": "ValueError: broken"}
    passes = dict.fromkeys(("fused", "eager", "torch_nn", "torch_mm"), 1.0 + place)
    measured = identity | _measured(passes) | {
        "has_criterion": not other, "baseline_loss": np.nan if other else 1 / 6, "validation_loss": loss,
        "step_time_s": 0.002 * (1 + 0.1 * place), "parameters": 100 + place, "pass_steps": length,
        "gradient_decades_lost": 1.0, "gradient_decades_lost_initial": 2.0,
    }  # fmt: skip
    if status == "diverged":
        return measured | {"diverged_at_step": 150, "steps_trained": 150}
    steps = {"steps_to_solve": 100.0 + 10 * seed} if solved else {}
    own = {"measure": "frame_accuracy", "test_frame_accuracy": 0.3 + 0.01 * place + 0.002 * seed} if other else {}
    return measured | {"test_loss": loss} | steps | own


def _identity(run: str, cell: str, task: str, length: int, seed: int) -> dict[str, Any]:
    return {
        "run": run, "status": "done", "task": task, "difficulty_setting": "length", "difficulty": length, "cell": cell,
        "seed": seed, "backend": "fused", "task.length": length, "model.hidden_size": 8, "model.recurrent_gain": 1.0,
        "model.initialisation": "default", "optimizer.lr": 0.01, "train.steps": 200, "train.batch_size": 4,
        "threads": 1,
    }  # fmt: skip


def _measured(passes: dict[str, float]) -> dict[str, Any]:
    """What all runs measure alike, and the times of passes in milliseconds."""
    return {
        "steps_trained": 200, "baseline_loss": 1 / 6, "training_time_s": 0.4, "parameters_recurrent_layers": 96,
        "state_size": 8, "gradient_half_life": 4.0, "gradient_half_life_initial": 2.0, "pass_input_size": 2,
        **{f"pass_{name}{end}_s": 1e-3 * ms for name, ms in passes.items()
           for end in ("", "_best", "_lower_quartile", "_upper_quartile")},
        **{f"pass_{name}_fraction_of_peak": 0.5 / ms for name, ms in passes.items()},
        "peak_gflops": 80.0, "pass_cpu_load": 0.1, "processor": "AMD EPYC", "cpu_family": 25, "cpu_model": 17,
        "vector_width_bits": 512,
    }  # fmt: skip
