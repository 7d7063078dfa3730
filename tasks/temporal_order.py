"""Temporal order: say in which order two or three rare symbols came, trained on the cross-entropy.

The sequences are those of `ordered_markers`; the loss is the cross-entropy in nats of the order at the last real step.
Predicting all orders equally gives markers ln 2. The 1997 paper trains otherwise: see `hochreiter_order`.

Solved: fewer than 1% of fresh sequences are named wrong (Pascanu et al. 2013).
"""

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.ordered_markers import OrderedMarkersTask


class TemporalOrder(ClassificationTask, OrderedMarkersTask):
    """Temporal order of two or three markers in at least `length` steps, the difficulty."""

    def __init__(self, length: int = 100, markers: int = 2) -> None:
        super().__init__(length, markers)
        self.guesses = range(self.output_size)
