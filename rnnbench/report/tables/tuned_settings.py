"""The value chosen for a tuned setting, such as the learning rate, what the choice cost and how much it matters."""

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from rnnbench.analysis import tuning
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.labels import number, task_title, variant_label
from rnnbench.report.tables.rendering import without_empty
from rnnbench.report.tables.table import Table


class TunedSettings(Table):
    """One row per task, difficulty, cell and variant: the value chosen on validation data. Needs `tuned`."""

    title = "Tuning"
    columns: ClassVar[Mapping[str, str]] = {"tuned": "the setting that was tuned", **tuning.CHOICES}

    def compute_rows(self, results: Results) -> pd.DataFrame:
        if results.tuned is None:
            raise SettingError("needs a setting that is tuned; add tuned=optimizer.lr, for one")
        return tuning.choices(results, results.tuned).assign(tuned=results.tuned)

    def formatted(self, rows: pd.DataFrame) -> pd.DataFrame:
        formatted = [
            {
                "task": task_title(row),
                "cell": row["cell"],
                "variant": variant_label(row["variant"]),
                f"{row['tuned']}: chosen": number(row["chosen"]),
                "tried": " ".join(f"{value:g}" for value in row["tried"]),
                "runs": str(row["runs"]),
                "training steps": f"{row['steps_trained']:,}",
                "score on validation data": number(row["validation_score"]),
                "at the worst value": number(row["worst_validation_score"]),
                "values within 0.1 of the best score": f"{row['usable_fraction']:.0%}",
            }
            for row in rows.to_dict("records")
        ]
        return without_empty(pd.DataFrame(formatted), "variant")
