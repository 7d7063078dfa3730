"""The claims of the study notes on the GRU, each tested by a measurement and a rule that makes it a verdict.

- `claim`: what a claim is, and what comes of testing it.
- `selection`: the runs that a claim rests on.
- `gradients`: claims on the gradient through time.
- `learning`: claims on which cell learns better.
- `structure`: claims on the parameters, the state and the speed of a cell.
- `gates`: claims on what the gates do.
"""

from rnnbench.analysis.claims import gates, gradients, learning, structure
from rnnbench.analysis.claims.claim import Claim, Finding, finding
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


def findings(results: Results) -> dict[Claim, Finding]:
    """What the results say of each claim."""
    return {claim: finding(claim, results) for claim in CLAIMS}


__all__ = ["CLAIMS", "Claim", "Finding", "findings"]
