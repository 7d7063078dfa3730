"""Reads the stored norms of the gradient through time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError

PROBE = "gradient_profile"


def joint_norms(arrays: Mapping[str, "np.ndarray[Any, Any]"]) -> Float[np.ndarray, "probed layer time_step"]:
    """g_t over the whole state at each step, all its tensors together: by probed training step, layer and time step.

    `arrays` are those of one run's profile, `norm` with the axes (probed, layer, time_step). Older profiles have the
    norm of each state tensor by itself (probed, layer, state, time_step); of a cell with one tensor that is the same,
    of one with several it is not, and the joint norm cannot be made from them: that is refused. Raises SettingError
    then, and when there is no norm.
    """
    if "norm" not in arrays:
        raise SettingError("needs gradient profiles; add probe=[gradient_profile]")
    norm = np.asarray(arrays["norm"], dtype=np.float64)
    if norm.ndim == 4 and norm.shape[2] == 1:
        return norm[:, :, 0]
    if norm.ndim != 3:
        raise SettingError(
            f"norm.shape={norm.shape}: must be (probed, layer, time_step), the norm over the whole state; a profile of "
            "each state tensor by itself does not tell it, so run the experiment again"
        )
    return norm


def top_layer_norms(results: Results, run: str, probed: int) -> Float[np.ndarray, " time_step"] | None:
    """g_1 .. g_T of a run's top layer at a probed training step (0 the first, -1 the last); None without a profile.

    Raises SettingError as `joint_norms` does.
    """
    arrays = results.probe(run, PROBE)
    return joint_norms(arrays)[probed, -1] if arrays else None
