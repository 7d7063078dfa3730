"""The memoryless baseline of each run, where its task has one."""

import numpy as np
import pandas as pd

EXPECTED, SAME_DATA = "baseline_loss", "test_baseline_loss"


def baselines(runs: pd.DataFrame) -> "pd.Series[float]":
    """The loss of the memoryless baseline on each run's own test data where that was recorded, else its expectation;
    NaN for a task without one."""
    found = pd.Series(np.nan, index=runs.index)
    for column in (SAME_DATA, EXPECTED):
        if column in runs:
            found = found.fillna(pd.to_numeric(runs[column]).astype(float))
    return found
