"""Checks of the arrays that statistics take: their type, their number of axes and their values, with errors by name."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

RUNS = ("runs",)
RUNS_AND_TASKS = ("runs", "tasks")


def as_float_array(
    values: ArrayLike,
    name: str,
    axes: tuple[str, ...] = RUNS,
    allow_infinity: bool = False,
    remedy: str = "leave out or score such a run first",
) -> NDArray[np.float64]:
    """The values as float64, one dimension per name in `axes`.

    Raises ValueError, naming the first offender, on another number of dimensions, on NaN and -inf, and on inf unless
    `allow_infinity`.
    """
    array = np.asarray(values, dtype=np.float64)
    check_axes(array, name, axes)
    accepted = np.isfinite(array) | (np.isposinf(array) & allow_infinity)
    if not accepted.all():
        offender = np.argwhere(~accepted)[0]
        bound = "finite or inf" if allow_infinity else "finite"
        place = ", ".join(map(str, offender))
        raise ValueError(f"{name}[{place}]={array[tuple(offender)]}: must be {bound} ({remedy})")
    return array


def as_bool_array(values: ArrayLike, name: str, axes: tuple[str, ...] = RUNS) -> NDArray[np.bool_]:
    """The values as booleans, one dimension per name in `axes`.

    Raises ValueError on another number of dimensions, and on values that are not booleans: 0.97 and NaN are true in
    Python, and never what was meant.
    """
    array = np.asarray(values)
    check_axes(array, name, axes)
    if array.size and array.dtype != np.bool_:
        raise ValueError(f"{name}.dtype={array.dtype}: must be bool (True or False for each run)")
    return array.astype(np.bool_)


def check_axes(array: NDArray[np.generic], name: str, axes: tuple[str, ...]) -> None:
    """Raises ValueError when the array has not one dimension per name in `axes`."""
    if array.ndim != len(axes):
        raise ValueError(f"{name}.shape={array.shape}: must have {len(axes)} dimension(s) ({', '.join(axes)})")


def check_resamples(resamples: int) -> None:
    """Raises ValueError when the number of bootstrap resamples is not positive."""
    if resamples < 1:
        raise ValueError(f"resamples={resamples}: must be at least 1 (2000 gives stable 95% bounds)")
