"""The check of the arrays that statistics take, with errors by name."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_float_array(
    values: ArrayLike,
    name: str,
    axes: tuple[str, ...] = ("runs",),
    allow_infinity: bool = False,
    remedy: str = "leave out or score such a run first",
) -> NDArray[np.float64]:
    """The values as float64, one dimension per name in `axes`.

    Raises ValueError, naming the first offender, on another number of dimensions, on NaN and -inf, and on inf unless
    `allow_infinity`.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != len(axes):
        raise ValueError(f"{name}.shape={array.shape}: must have {len(axes)} dimension(s) ({', '.join(axes)})")
    accepted = np.isfinite(array) | (np.isposinf(array) & allow_infinity)
    if not accepted.all():
        offender = np.argwhere(~accepted)[0]
        bound = "finite or inf" if allow_infinity else "finite"
        place = ", ".join(map(str, offender))
        raise ValueError(f"{name}[{place}]={array[tuple(offender)]}: must be {bound} ({remedy})")
    return array
