"""How fast gradients decay on their way back through time, and whether they do so exponentially."""

from typing import Any

import pandas as pd

from rnnbench.analysis.gradient_profile import PROBE, joint_norms
from rnnbench.analysis.intervals import Interval, mean_interval, median_interval
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.gradient_fit import fit_gradient, half_life
from rnnbench.schema import GROUP, Status

FEWEST_STEPS = 3
"""Steps with a gradient above 0 that a fit takes here, where R^2 is read; the probe's own column takes two."""

DECAYS: dict[str, str] = {
    "runs": "runs with a gradient profile",
    "decay_initial": "decades per step that the gradient of the top layer's whole state loses on its way back through "
    "time, at initialisation: mean over runs; negative when it grows",
    "decay": "the same at the last probed step of the run, diverged runs excepted",
    "r_squared_initial": "how exponential that is: R^2 of the straight line through log10 g_t, at initialisation; "
    "median over runs",
    "half_life_initial": "steps over which the gradient halves, log10(2) / decay_initial; infinite when it grows",
}


def run_decays(results: Results) -> pd.DataFrame:
    """One row per run with a profile: `run`, decay at initialisation, with its R^2, and at the last probed step."""
    rows = []
    for run in results.runs["run"]:
        arrays = results.probe(run, PROBE)
        if not arrays:
            continue
        norms = joint_norms(arrays)[:, -1]
        initial, last = (fit_gradient(norms[index], FEWEST_STEPS) for index in (0, -1))
        rows.append((run, initial.decay, initial.r_squared, last.decay))
    return pd.DataFrame(rows, columns=["run", "decay_initial", "r_squared_initial", "decay"])


def gradient_decays(results: Results) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant: the group and DECAYS, all but `runs` as `Interval`.

    Raises SettingError when no run has a profile.
    """
    fitted = results.runs.merge(run_decays(results), on="run", sort=False)
    if fitted.empty:
        raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
    rows = []
    for key, runs in fitted.groupby(GROUP, sort=False):
        trained = runs[runs["status"] == Status.DONE]
        initial = mean_interval(runs["decay_initial"].dropna().to_numpy())
        row: dict[str, Any] = dict(zip(GROUP, key, strict=True)) | {
            "runs": len(runs),
            "decay_initial": initial,
            "decay": mean_interval(trained["decay"].dropna().to_numpy()),
            "r_squared_initial": median_interval(runs["r_squared_initial"].dropna().to_numpy()),
            "half_life_initial": _half_lives(initial),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _half_lives(decay: Interval) -> Interval:
    """The interval of log10(2) / decay, its bounds those of the decay the other way round."""
    return Interval(half_life(decay.estimate), half_life(decay.high), half_life(decay.low))
