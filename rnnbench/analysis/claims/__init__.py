"""The claims of the study notes on the GRU, each put to a measurement with a verdict.

One claim is one `Claim` in `gradients`, `learning`, `structure` or `gates`: its rule is a sentence, and a function
that computes the verdict by it.
"""

import pandas as pd

from rnnbench.analysis.claims import gates, gradients, learning, structure
from rnnbench.analysis.claims.claim import COLUMNS, Claim, row
from rnnbench.analysis.results import Results

CLAIMS: tuple[Claim, ...] = (
    gradients.VANISHING,
    gradients.LSTM_PARTIAL,
    gradients.GRU_LIMIT,
    learning.GRU_BEATS_RNN,
    structure.FEWER_PARAMETERS,
    structure.ONE_STATE,
    structure.FASTER,
    learning.COMPARABLE,
    gates.CONVEX,
    gates.UPDATE_ONE,
    gates.RESET_IGNORES,
    gates.TIME_SCALES,
    learning.SIGMOID_CANDIDATE,
)
"""In the order of the notes."""


def judge(results: Results) -> pd.DataFrame:
    """One row per claim: COLUMNS."""
    return pd.DataFrame([row(claim, results) for claim in CLAIMS])


__all__ = ["CLAIMS", "COLUMNS", "Claim", "judge"]
