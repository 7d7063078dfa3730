"""Random permutation: the first symbol, one of two, comes back after a long row of other symbols.

The first of `length` steps shows symbol 0 or 1, each with chance one half; every further step shows one of the symbols
from 2 to vocabulary - 1, drawn anew each time. The target is the symbol that would come next, the first one again. The
loss is the cross-entropy in nats over the whole vocabulary.

Source: Martens & Sutskever (2011), after experiment 2 of Hochreiter & Schmidhuber (1997), with a vocabulary of 100; the
name is theirs, though nothing is permuted. Shapes: inputs (length, batch, vocabulary) one-hot, one target (1, batch). A
predictor that knows the rule and forgets the symbol gets ln 2, and half of the answers wrong. Only the last step
counts, as in Pascanu et al.'s code (2013). Others differ: Martens & Sutskever train on the next symbol at every step
and judge the last.

Solved: fewer than 1% of fresh sequences are answered wrong (Martens & Sutskever 2011).
"""

import torch

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.task import Batch, at_least, one_hot


class RandomPermutation(ClassificationTask):
    """Random permutation with `length` steps, the difficulty."""

    guesses = range(2)

    def __init__(self, length: int = 100, vocabulary: int = 100) -> None:
        self.length = at_least(2, "length", length, "a symbol to keep and one to pass over")
        vocabulary = at_least(3, "vocabulary", vocabulary, "two symbols to keep and one to pass over")
        self.input_size = self.output_size = vocabulary

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        first = torch.randint(0, 2, (1, batch_size), generator=generator)
        others = torch.randint(2, self.input_size, (self.length - 1, batch_size), generator=generator)
        return Batch(one_hot(torch.cat([first, others]), self.input_size), first)
