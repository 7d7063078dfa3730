"""A random search over rate and width: the best trials of each variant, and what explains the loss."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rnnbench.analysis import random_search
from rnnbench.analysis.milestones import trained_runs
from rnnbench.analysis.results import Results
from rnnbench.report.component import Table
from rnnbench.report.labels import value_text


class RandomSearch(Table):
    """One row per task and variant of a cell whose trials, one run each, differ in learning rate and width.

    `against` names the variant that the others are compared with.
    """

    title = "Random search over rate and width"
    needs = (random_search.VARIANT, "test_loss", *random_search.SEARCHED)
    columns: ClassVar[Mapping[str, str]] = {
        "cell_variant": "the variant of the cell, cell.variant; the first is compared with",
        **random_search.COLUMNS,
    }
    intervals = "95%: Student's over the best trials, percentiles of the bootstrap over all trials for a share"

    def __init__(self, only: Mapping[str, Sequence[Any]] | None = None, against: str = "vanilla") -> None:
        super().__init__(only)
        self.against = against

    def compute_rows(self, results: Results) -> pd.DataFrame:
        return random_search.random_search(trained_runs(results.runs), np.random.default_rng(0), self.against)

    def text(self, row: Mapping[Any, Any]) -> dict[str, str]:
        heads = {"cell_variant": "variant", "best": "test loss of the best tenth", "p": "p against the first",
                 "rate_share": "variance by the rate", "width_share": "by the width"}  # fmt: skip
        return {heads.get(name, name): value_text(value) for name, value in row.items()}
