"""Time of a forward and backward pass of each cell, by implementation."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import speed
from rnnbench.analysis.results import Results
from rnnbench.report.cell_names import cell_name
from rnnbench.report.component import Table
from rnnbench.report.labels import interval, number

NAMES = {"torch_compile": "torch.compile", "torch_nn": "torch.nn", "torch_mm": "torch.mm loop"}


class Speed(Table):
    """One row per run and implementation: a forward and backward pass, and ratios to others in the same process.

    `shared` marks times that were taken while other work ran on the machine.
    """

    title = "Speed of a forward and backward pass"
    columns: ClassVar[Mapping[str, str]] = speed.SPEEDS
    needs = tuple(speed.SIZES.values())
    intervals = (
        "quartiles over the repetitions, all implementations and the peak interleaved in one process; shared: taken "
        "while other work shared the machine; equal LSTM: of as many parameters"
    )

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return speed.speeds(results.runs)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        return {
            "cell": cell_name(row["cell"]),
            "T, B, input, H": f"{row['steps']}, {row['batch']}, {row['input_size']}, {row['hidden_size']}",
            "threads": str(row["threads"]),
            "implementation": NAMES.get(row["implementation"], row["implementation"]),
            "best ms": number(row["best_s"] * 1e3),
            "median ms": interval(row["pass_s"], scale=1e3),
            "machine": "shared" if row["times_shared"] is True else "",
            "rate / torch.mm": number(row["fraction_of_peak"]),
            "time / torch.mm loop": number(row["time_over_torch_mm"]),
            "speed-up over torch.nn": number(row["speedup_over_torch_nn"]),
            "time / LSTM": number(row["time_over_lstm"]),
            "time / equal LSTM": number(row["time_over_equal_lstm"]),
            "torch.mm GFLOP/s": number(row["peak_gflops"]),
            "processor": row["processor"],
        }

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        return super().formatted(rows.sort_values(["hidden_size", "steps", "batch", "threads"], kind="stable"))
