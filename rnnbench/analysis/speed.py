"""Times of forward and backward passes: one row per run and implementation."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Quartiles
from rnnbench.machine import Processor, is_shared
from rnnbench.schema import GROUP

SIZES = {
    "steps": "pass_steps",
    "batch": "train.batch_size",
    "input_size": "pass_input_size",
    "hidden_size": "model.hidden_size",
    "threads": "threads",
}
"""The table's columns of sizes, and those of the runs."""

IMPLEMENTATIONS = ("fused", "torch", "eager", "torch_compile", "torch_nn", "torch_mm")
"""What may have been timed, in the table's order."""

SPEEDS: dict[str, str] = {
    "seed": "seed of the run",
    "steps": "steps of the sequences",
    "batch": "sequences",
    "input_size": "features per step",
    "hidden_size": "width of the state",
    "threads": "CPU threads",
    "implementation": "what was timed: a backend (fused with the gradient through time, the others without), "
    "torch_compile (the eager loop by torch.compile, unrolled), torch_nn (torch.nn's module: nn.GRU for every GRU) "
    "or torch_mm (the cell's matrix products alone, in a loop of torch.mm)",
    "best_s": "seconds: the fastest forward and backward pass, which other work on the machine disturbs least",
    "pass_s": "seconds: median forward and backward pass, with quartiles over the repetitions",
    "fraction_of_peak": "the operations of the pass's matrix products, two to a multiply-add, over best_s and the peak",
    "peak_gflops": "GFLOP/s: the peak, the fastest product of two large square matrices by torch.mm with as many "
    "threads, interleaved with the passes in the same process",
    "time_over_torch_mm": "the median over that of the torch.mm loop, in the same process; a yardstick, no bound",
    "speedup_over_torch_nn": "the median of torch.nn's module over this one, in the same process",
    "time_over_lstm": "the median over that of an LSTM of the same sizes by the same implementation, fused or "
    "torch_nn, in the same process",
    "time_over_equal_lstm": "the same with an LSTM of as many parameters, to within 2%; fused only",
    "processor": "the CPU: model name, family, model and width of its vectors, or the GPU",
    "cpu_load": "cores that others used, on average while the passes were timed; empty where it was not recorded",
    "times_shared": "whether that is above half a core per thread; empty where it was not recorded",
}


def speeds(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run and implementation: the group and SPEEDS, NaN where there is nothing to compare with.

    `pass_s` has `Quartiles`.
    """
    timed = runs[runs[list(SIZES.values())].notna().all(axis=1)]  # a run that failed early has no passes
    rows = [
        {name: run[name] for name in (*GROUP, "seed")}
        | {name: int(run[column]) for name, column in SIZES.items()}
        | _speed(run, implementation)
        | _machine(run)
        for run in timed.to_dict("records")
        for implementation in IMPLEMENTATIONS
        if not np.isnan(run.get(f"pass_{implementation}_s", np.nan))
    ]
    return pd.DataFrame(rows)


def _speed(run: dict[Any, Any], implementation: str) -> dict[str, Any]:
    names = (implementation, "torch_mm", "torch_nn", f"lstm_{implementation}", f"equal_lstm_{implementation}")
    seconds, torch_mm, torch_nn, lstm, equal_lstm = (run.get(f"pass_{name}_s", np.nan) for name in names)
    lower, upper = (run[f"pass_{implementation}_{which}_quartile_s"] for which in ("lower", "upper"))
    return {
        "implementation": implementation,
        "best_s": run.get(f"pass_{implementation}_best_s", np.nan),
        "pass_s": Quartiles(lower, seconds, upper),
        "fraction_of_peak": run.get(f"pass_{implementation}_fraction_of_peak", np.nan),
        "peak_gflops": run.get("peak_gflops", np.nan),
        "time_over_torch_mm": seconds / torch_mm,
        "speedup_over_torch_nn": torch_nn / seconds,
        "time_over_lstm": seconds / lstm,
        "time_over_equal_lstm": seconds / equal_lstm,
    }


def _machine(run: dict[Any, Any]) -> dict[str, Any]:
    load, name = run.get("pass_cpu_load", np.nan), str(run.get("processor", ""))
    values = (run.get(name, np.nan) for name in ("cpu_family", "cpu_model", "vector_width_bits"))
    numbers = (None if pd.isna(value) else int(value) for value in values)
    return {
        "processor": str(Processor(name, *numbers)) if run.get("device", "cpu") == "cpu" else name,
        "cpu_load": load,
        "times_shared": np.nan if np.isnan(load) else is_shared(load, int(run["threads"])),
    }
