"""Noiseless memorization: hold a few symbols over a delay of blanks and repeat them on a cue.

The input shows `symbols` symbols, each one of `alphabet`, then length - 1 blanks, a cue, and as many blanks as symbols:
length + 2 symbols steps in all. The target is blank until the last steps, which repeat the symbols in order. The loss
is the cross-entropy in nats averaged over all steps.

Source: Martens & Sutskever (2011), with 5 symbols of 2 (the 5-bit problem) or 10 of 5 (the 20-bit problem), after
Hochreiter & Schmidhuber (1997); the timing of delay and cue is Arjovsky et al.'s (2016). Shapes: inputs (steps, batch,
alphabet + 2) one-hot, with blank 0, symbols 1 to alphabet, cue last; targets (steps, batch) among alphabet + 1 classes.
The best constant knows when to answer and not what: symbols ln(alphabet) / steps. Others differ: Martens &
Sutskever's code counts the whole sequence as T, takes each of the 32 5-bit patterns once per batch and can score the
recall alone; Pascanu et al.'s shows the cue one step later, together with the first recalled symbol.

Solved: fewer than 1% of fresh sequences have a wrong symbol among those recalled (Martens & Sutskever 2011).
"""

import math

import torch
from torch import Tensor

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.milestone import HALF_BASELINE, LEFT_BASELINE, RECALL
from rnnbench.tasks.task import Batch, at_least, one_hot

BLANK = 0


class NoiselessMemorization(ClassificationTask):
    """Noiseless memorization with a delay of `length` steps, the difficulty."""

    milestones = (LEFT_BASELINE, HALF_BASELINE, RECALL)

    def __init__(self, length: int = 100, symbols: int = 5, alphabet: int = 2) -> None:
        self.length = at_least(1, "length", length, "the step of the cue")
        self.symbols = at_least(1, "symbols", symbols, "something to recall")
        self.alphabet = at_least(2, "alphabet", alphabet, "one symbol alone says nothing")
        self.input_size = alphabet + 2
        self.output_size = alphabet + 1

    @property
    def baseline_loss(self) -> float:
        return self.symbols * math.log(self.alphabet) / (self.length + 2 * self.symbols)

    def baseline_outputs(self, batch: Batch) -> Tensor:
        blank = self.guess_among([BLANK], batch)[: -self.symbols]
        return torch.cat([blank, self.guess_among(range(1, self.alphabet + 1), batch)[-self.symbols :]])

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        steps = self.length + 2 * self.symbols
        symbols = torch.randint(1, self.alphabet + 1, (self.symbols, batch_size), generator=generator)
        shown = torch.full((steps, batch_size), BLANK)
        shown[: self.symbols] = symbols
        shown[self.symbols + self.length - 1] = self.alphabet + 1
        targets = torch.full((steps, batch_size), BLANK)
        targets[-self.symbols :] = symbols
        return Batch(one_hot(shown, self.input_size), targets)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return (outputs[-self.symbols :].argmax(2) == batch.targets[-self.symbols :]).all(0)

    def measures(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return self.recall_error(outputs, batch, self.symbols)
