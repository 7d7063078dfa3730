"""How fast each cell is, backend by backend."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis import speed
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import interval, number
from rnnbench.report.tables.table import Table


class Speed(Table):
    """One row per run and backend: a forward and backward pass, against the floor, torch.nn and the LSTM."""

    title = "Speed of a forward and backward pass"
    columns: ClassVar[Mapping[str, str]] = speed.SPEEDS
    intervals = "quartiles over the turns that all contestants took in one process"

    def rows(self, results: Results) -> pd.DataFrame:
        self.need(results.runs, *speed.SIZES.values())
        return speed.speeds(results.runs)

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        ordered = rows.sort_values(["hidden_size", "steps", "batch", "threads"], kind="stable")
        return pd.DataFrame(
            {
                "cell": row["cell"],
                "T, B, input, H": f"{row['steps']}, {row['batch']}, {row['input_size']}, {row['hidden_size']}",
                "threads": str(row["threads"]),
                "by": row["by"].replace("torch_nn", "torch.nn"),
                "ms": interval(row, "pass_s", scale=1e3),
                "× floor": number(row["times_floor"]),
                "torch.nn / it": number(row["speedup_over_torch_nn"]),
                "× LSTM": number(row["times_lstm"]),
            }
            for row in ordered.to_dict("records")
        )
