"""Several tests behind one claim: p-values corrected for their number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rnnbench.analysis.samples import as_float_array
from rnnbench.analysis.verdict import Verdict

LEVEL = 0.05


def holm(p_values: Float[np.ndarray, " cases"]) -> Float[np.ndarray, " cases"]:
    """The p-values of several cases adjusted by Holm's step-down procedure, in the order given.

    The i-th smallest of m becomes the largest of (m - j + 1) p_(j) over j <= i, at most 1. Rejecting where the adjusted
    value is at most 5% errs in any case at all with probability at most 5%, however the tests depend on each other.
    Source: Holm (1979). Raises ValueError on NaN and on values outside [0, 1].
    """
    values = as_float_array(p_values, "p_values", axes=("cases",), remedy="leave out a case that was not tested")
    wrong = values[(values < 0) | (values > 1)]
    if wrong.size:
        raise ValueError(f"p_values={wrong[0]:g}: must be between 0 and 1")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)) if values.size else values
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


class Corrected(NamedTuple):
    """Several cases after the correction, in the order given."""

    verdicts: list[Verdict]
    p_values: Float[np.ndarray, " cases"]
    """NaN for a case that was not measured."""


def corrected(verdicts: Sequence[Verdict], p_values: Float[np.ndarray, " cases"], level: float = LEVEL) -> Corrected:
    """The cases by Holm's correction: a verdict whose adjusted p-value is above `level` is undecided.

    Cases that were not measured take no part, whatever their p-value. A test without a p-value (NaN), as of a single
    run, cannot decide: it counts as 1. Raises ValueError on different numbers of verdicts and p-values.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.size != len(verdicts):
        raise ValueError(f"p_values.size={values.size}: must be {len(verdicts)}, the number of verdicts given")
    tested = np.array([verdict is not Verdict.NOT_MEASURED for verdict in verdicts], dtype=bool)
    adjusted = np.full(values.size, np.nan)
    adjusted[tested] = holm(np.where(np.isnan(values), 1.0, values)[tested])
    after = [
        Verdict.UNDECIDED if p_value > level else verdict for verdict, p_value in zip(verdicts, adjusted, strict=True)
    ]
    return Corrected(after, adjusted)
