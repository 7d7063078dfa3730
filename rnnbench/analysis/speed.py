"""Times of forward and backward passes: one row per run and way of computing them."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import GROUP

SIZES = {
    "steps": "pass_steps",
    "batch": "train.batch_size",
    "input_size": "pass_input_size",
    "hidden_size": "model.hidden_size",
    "threads": "threads",
}
"""The table's columns of sizes, and those of the runs."""

BACKENDS = ("fused", "torch", "eager", "torch_nn", "floor")
"""What may have been timed, in the table's order."""

SPEEDS: dict[str, str] = {
    "seed": "seed of the run",
    "steps": "steps of the sequences",
    "batch": "sequences",
    "input_size": "features per step",
    "hidden_size": "width of the state",
    "threads": "CPU threads",
    "by": "what computed it: a backend (fused with the gradient through time, the others without), torch_nn "
    "(the module of torch.nn: nn.GRU for every GRU) or floor (the matrix products alone)",
    "pass_s": "seconds: median forward and backward pass; its _low and _high are quartiles over the turns",
    "times_floor": "the median over that of the floor, in the same process",
    "speedup_over_torch_nn": "the median of torch.nn's module over this one, in the same process",
    "times_lstm": "the median over that of an LSTM of the same sizes by the same means, fused or torch_nn, in the same "
    "process",
}


def speeds(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run and contestant: the group and SPEEDS, empty where there is nothing to compare with."""
    rows: list[dict[str, Any]] = []
    for run in runs.to_dict("records"):
        shared = {name: run[name] for name in (*GROUP, "seed")} | {
            name: int(run[column]) for name, column in SIZES.items()
        }
        for by in BACKENDS:
            if not np.isnan(run.get(f"pass_{by}_s", np.nan)):
                rows.append(shared | _speed(run, by))
    return pd.DataFrame(rows)


def _speed(run: dict[Any, Any], by: str) -> dict[str, Any]:
    seconds = {name: run.get(f"pass_{name}_s", np.nan) for name in (by, "floor", "torch_nn", f"lstm_{by}")}
    return {
        "by": by,
        "pass_s": seconds[by],
        "pass_s_low": run[f"pass_{by}_lower_quartile_s"],
        "pass_s_high": run[f"pass_{by}_upper_quartile_s"],
        "times_floor": seconds[by] / seconds["floor"],
        "speedup_over_torch_nn": seconds["torch_nn"] / seconds[by],
        "times_lstm": seconds[by] / seconds[f"lstm_{by}"],
    }
