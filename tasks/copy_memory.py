"""Copy memory: hold ten symbols over a delay and repeat them on a cue.

The input shows 10 symbols, each one of 8, then length - 1 blanks, a cue, and 10 more blanks: length + 20 steps in all.
The target is blank until the last 10 steps, which repeat the 10 symbols in order. The loss is the cross-entropy in nats
averaged over all length + 20 steps.

Source: Arjovsky, Shah & Bengio (2016), after Hochreiter & Schmidhuber (1997). Shapes: inputs (length + 20, batch, 10)
one-hot, with blank 0, symbols 1 to 8, cue 9; targets (length + 20, batch) among 9 classes, blank and the symbols. A
memoryless predictor knows when to answer and not what: 10 ln 8 / (length + 20). Others differ: S4's code scores the ten
recall steps only (trivial ln 8), JANET's has one step more, the TCN's feeds the symbols as raw numbers.

Solved: fewer than 1% of fresh sequences have a wrong symbol among the ten recalled, the criterion of Martens & Sutskever
(2011) for noiseless memorization, its parent task.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tasks.task import Batch, Task

SYMBOLS = 10
ALPHABET = 8
BLANK = 0
CUE = ALPHABET + 1


class CopyMemory(Task):
    """Copy memory with a delay of `length` steps, the difficulty."""

    input_size = ALPHABET + 2
    output_size = ALPHABET + 1

    def __init__(self, length: int = 100) -> None:
        if length < 1:
            raise ValueError(f"length={length}: must be at least 1 (the step of the cue)")
        self.length = length

    @property
    def trivial_score(self) -> float:
        return SYMBOLS * math.log(ALPHABET) / (self.length + 2 * SYMBOLS)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        steps = self.length + 2 * SYMBOLS
        symbols = torch.randint(1, ALPHABET + 1, (SYMBOLS, batch_size), generator=generator)
        shown = torch.full((steps, batch_size), BLANK)
        shown[:SYMBOLS] = symbols
        shown[SYMBOLS + self.length - 1] = CUE
        targets = torch.full((steps, batch_size), BLANK)
        targets[-SYMBOLS:] = symbols
        return Batch(functional.one_hot(shown, self.input_size).float(), targets)

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return (outputs[-SYMBOLS:].argmax(2) == batch.targets[-SYMBOLS:]).all(0)
