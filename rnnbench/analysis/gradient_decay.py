"""How much the gradient of each cell decays in backpropagation through time, how fast, and whether exponentially."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.gradient_profile import decades_by_state, half_life_columns, median_decades, top_layer_norms
from rnnbench.analysis.intervals import mean_interval, median_of_signed
from rnnbench.analysis.results import Results, rows_by
from rnnbench.errors import SettingError
from rnnbench.gradient_fit import EXPONENTIAL_R_SQUARED, GradientSummary, summarise_gradient
from rnnbench.schema import GROUP, Status

LOSS_AT = "gradient_loss_at"

_OF_TOP = "of the top layer's whole state, all its tensors together"
_MOMENT = {
    "decades_lost": f"decades that the gradient {_OF_TOP}, loses from the last step with a gradient back to the first, "
    "log10(g_T / g_1): median over runs; negative when it grows; where a run's gradient is too small for a number "
    "infinite, the lower bound being what is seen, which is no interval",
    "decades_lost_by_state": "the same of each of its tensors alone, h first (of an LSTM h, c), each from its own last "
    "step with a gradient; NaN where too small or too large for a number, empty where not stored",
    "r_squared": "R^2 of the straight line through log10 g_t: median over runs",
    "decay": f"slope of that line, decades lost per step: mean over the runs where R^2 is at least "
    f"{EXPONENTIAL_R_SQUARED:g}; negative when the gradient grows",
    "decay_runs": "runs behind decay",
    "half_life": "steps over which the gradient halves: median over the runs that have a half-life",
    "half_life_runs": "runs behind half_life",
    "half_life_why": "why the others have none",
}
DECAYS: dict[str, str] = {
    "loss_at": "the loss whose gradient it is: of all scored steps, of the last, or of one",
    "runs": "runs with a gradient profile",
    "trained_runs": "of which trained to their end: those behind all numbers after training",
    **{f"{name}_initial": f"at initialisation: {meaning}" for name, meaning in _MOMENT.items()},
    **{name: f"after training: {meaning}" for name, meaning in _MOMENT.items()},
}


def gradient_decays(results: Results) -> pd.DataFrame:
    """One row per task, difficulty, cell and variant: the group and DECAYS, numbers of several runs as `Interval`.

    Raises SettingError when no run has a profile.
    """
    profiles = {run: found for run in results.runs["run"] if (found := _profiles(results, run))}
    if not profiles:
        raise SettingError("needs gradient profiles, which no run has; add probe=[gradient_profile]")
    measured = results.runs[results.runs["run"].isin(list(profiles))]

    def row(runs: pd.DataFrame) -> dict[str, Any]:
        trained = runs[(runs["status"] == Status.DONE) & (runs["steps_trained"] > 0)]
        return {
            "loss_at": "/".join(sorted(set(runs[LOSS_AT].dropna()))) if LOSS_AT in runs else "",
            "runs": len(runs),
            "trained_runs": len(trained),
            **_moment([profiles[run][0] for run in runs["run"]], "_initial"),
            "decades_lost_by_state_initial": decades_by_state(results, runs["run"], 0),
            **_moment([profiles[run][1] for run in trained["run"]], ""),
            "decades_lost_by_state": decades_by_state(results, trained["run"], -1),
        }

    return rows_by(GROUP, measured, row)


def _profiles(results: Results, run: str) -> list[GradientSummary]:
    """A run's profiles at initialisation and at the last probed step, summarised; none without profiles."""
    norms = top_layer_norms(results, run, [0, -1])
    return [] if norms is None else list(map(summarise_gradient, norms))


def _moment(found: Sequence[GradientSummary], when: str) -> dict[str, Any]:
    fits = np.array([(each.r_squared, each.decay) for each in found]).reshape(-1, 2)
    r_squared, decays = (column[~np.isnan(column)] for column in fits.T)
    columns = {
        "decades_lost": median_decades(found),
        "r_squared": median_of_signed(r_squared),
        "decay": mean_interval(decays),
        "decay_runs": decays.size,
        **half_life_columns("half_life", [each.half_life for each in found]),
    }
    return {f"{name}{when}": value for name, value in columns.items()}
