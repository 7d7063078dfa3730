"""What a tuned setting, such as the learning rate, was set to, what that cost and how much it matters."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis import tuning
from rnnbench.analysis.results import Results
from rnnbench.report.tables.rendering import number, without_empty
from rnnbench.report.tables.table import Table


class TunedSettings(Table):
    """One row per task, cell and other setting: the value chosen on validation data. For experiments with `tuned`."""

    title = "Tuning"
    columns: ClassVar[Mapping[str, str]] = {"tuned": "the setting that was tuned", **tuning.CHOICES}
    intervals = "none"

    def rows(self, results: Results) -> pd.DataFrame:
        if results.tuned is None:
            raise ValueError("TunedSettings: needs a setting that is tuned; add tuned=optimizer.lr, for one")
        return tuning.choices(results, results.tuned).assign(tuned=results.tuned)

    def in_words(self, rows: pd.DataFrame) -> pd.DataFrame:
        words = [
            {
                "task": f"{row['task']}, {row['task_setting']}".rstrip(", "),
                "cell": row["cell"],
                "setting": row["setting"],
                f"{row['tuned']}: chosen": number(row["chosen"]),
                "tried": row["tried"],
                "runs": str(row["runs"]),
                "training steps": f"{row['steps_trained']:,}",
                "score on validation data": number(row["validation_score"]),
                "at the worst value": number(row["worst_validation_score"]),
                "values within 0.1 of the best score": f"{row['usable_share']:.0%}",
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(words), "setting")
