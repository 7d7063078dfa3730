"""The claims of the study notes on the GRU: measured, with a rule that makes it a verdict, or true by construction.

- `claim`: what a claim is, its cases, and what comes of testing it.
- `selection`: the runs that a claim rests on, and the steps of two cells.
- `profiles`, `gradients`: claims on the gradient through time, and on the time scales of units.
- `learning`: claims on which cell learns better, and on which trains faster.
- `construction`: claims that are true by construction.
- `table`: the report's table of the claims, which `conf/table/claims.yaml` adds.

The package is an application of the library: nothing in the library imports it.
"""

from rnnbench.claims import construction, gradients, learning
from rnnbench.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    gradients.VANISHING,
    gradients.LSTM_PARTIAL,
    gradients.GRU_LIMIT,
    learning.GRU_BEATS_RNN,
    learning.COMPARABLE,
    learning.SIGMOID_CANDIDATE,
    learning.FASTER,
    gradients.TIME_SCALES,
    construction.FEWER_PARAMETERS,
    construction.ONE_STATE,
    construction.CONVEX,
    construction.UPDATE_ONE,
    construction.RESET_IGNORES,
)
"""Those that are measured first, then those that are true by construction."""

__all__ = ["CLAIMS", "Claim"]
