"""How fast gradients fade on their way back through time, and whether they do so exponentially."""

import math
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from rnnbench.analysis.intervals import Interval, mean_interval, median_interval
from rnnbench.analysis.results import GROUP, Results

PROBE = "gradient_profile"

DECAYS: dict[str, str] = {
    "runs": "runs with a gradient profile",
    "decay_initial": "decades per step that the gradient of the top layer's h loses on its way back through time, at "
    "initialisation: mean over runs; negative when it grows",
    "decay": "the same at the last probed step of the run, diverged runs excepted",
    "straightness_initial": "how exponential that is: R^2 of the straight line through log10 g_t, at initialisation; "
    "median over runs",
    "half_life_initial": "steps over which the gradient halves, log10(2) / decay_initial; infinite when it grows",
}


def fit(norms: Float[np.ndarray, " time_step"]) -> tuple[float, float]:
    """Slope and R^2 of the least-squares line through log10 g_t over the steps where g_t > 0; NaN with fewer than 3."""
    (steps,) = np.nonzero(norms > 0)
    if len(steps) < 3:
        return math.nan, math.nan
    line: Any = stats.linregress(steps, np.log10(norms[steps].astype(np.float64)))
    return float(line.slope), float(line.rvalue**2)


def run_decays(results: Results) -> pd.DataFrame:
    """One row per run with a profile: `run`, decay and straightness at initialisation and at the last probed step."""
    rows = []
    for run in results.runs["run"]:
        norms = results.probe(run, PROBE).get("norm")
        if norms is None:
            continue
        (decay_initial, straightness_initial), (decay, straightness) = (fit(norms[index, -1, 0]) for index in (0, -1))
        rows.append(
            {
                "run": run,
                "decay_initial": decay_initial,
                "straightness_initial": straightness_initial,
                "decay": decay,
                "straightness": straightness,
            }
        )
    return pd.DataFrame(rows, columns=["run", "decay_initial", "straightness_initial", "decay", "straightness"])


def gradient_decays(results: Results) -> pd.DataFrame:
    """One row per task, cell and setting: the group and DECAYS. Raises ValueError when no run has a profile."""
    fitted = results.runs.merge(run_decays(results), on="run", sort=False)
    if fitted.empty:
        raise ValueError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
    rows = []
    for key, runs in fitted.groupby(GROUP, sort=False):
        trained = runs[runs["status"] == "done"]
        initial = mean_interval(runs["decay_initial"].dropna().to_numpy())
        intervals = {
            "decay_initial": initial,
            "decay": mean_interval(trained["decay"].dropna().to_numpy()),
            "straightness_initial": median_interval(runs["straightness_initial"].dropna().to_numpy()),
            "half_life_initial": _half_lives(initial),
        }
        row: dict[str, Any] = dict(zip(GROUP, key, strict=True)) | {"runs": len(runs)}
        for name, interval in intervals.items():
            row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _half_lives(decay: Interval) -> Interval:
    """The interval of log10(2) / decay, its bounds those of the decay the other way round."""

    def half_life(slope: float) -> float:
        if math.isnan(slope):
            return math.nan
        return math.log10(2) / slope if slope > 0 else math.inf

    return Interval(half_life(decay.estimate), half_life(decay.high), half_life(decay.low))
