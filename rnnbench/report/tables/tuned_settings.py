"""The value chosen for a tuned setting, such as the learning rate, what the choice cost and how much it matters."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from rnnbench.analysis import tuning
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.component import Table
from rnnbench.report.labels import group_texts, number, setting_value

OBJECTIVE = {"steps_to_solve": "mean steps to solve", tuning.VALIDATION_LOSS: "mean loss on validation data"}


class TunedSettings(Table):
    """One row per task, difficulty, cell and variant: the value chosen on validation data. Needs `tuned`."""

    title = "Tuning"
    columns: ClassVar[Mapping[str, str]] = {"tuned": "the setting that was tuned", **tuning.CHOICES}

    def compute_rows(self, results: Results) -> pd.DataFrame:
        if results.tuned is None:
            raise SettingError("needs a setting that is tuned; add tuned=optimizer.lr, for one")
        return tuning.choices(results, results.tuned).assign(tuned=results.tuned)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        return {
            **group_texts(row),
            f"{row['tuned']}: chosen": setting_value(row["chosen"]),
            "at the edge of the grid": "edge" if row["at_edge"] else "",
            "over all difficulties": setting_value(row["chosen_over_all"]),
            "chosen by": OBJECTIVE.get(row["objective"], row["objective"]),
            "value: objective (fraction that reached it)": _tried(row),
            "values within 1.5 times": f"{row['usable_fraction']:.0%}",
            "seeds": " ".join(map(str, row["tuning_seeds"]))
            + ("" if row["reported_seeds_apart"] else " (tuned on the seeds that are reported)"),
            "runs": str(row["runs"]),
            "training steps": f"{row['steps_trained']:,}",
        }


def _tried(row: Mapping[Any, Any]) -> str:
    """Each value with the objective at it, and of steps the fraction of runs that reached it."""
    rates = row["success_at_tried"] if row["objective"] != tuning.VALIDATION_LOSS else (None,) * len(row["tried"])
    return "; ".join(
        f"{setting_value(value)}: {number(mean)}" + ("" if rate is None else f" ({rate:.0%})")
        for value, mean, rate in zip(row["tried"], row["objective_at_tried"], rates, strict=True)
    )
