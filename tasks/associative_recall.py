"""Multi-query associative recall (MQAR): say the value that was shown with a key, for every key of the sequence.

The sequence first shows `pairs` different keys, each followed by its value, all different too. Every key then comes
once more, as a query, in another order, at one of the even places behind the pairs, and its value is asked for at the
same step. All other places hold random tokens. The loss is the cross-entropy in nats at the queries.

How far behind the pairs a query falls is drawn without replacement with chances proportional to (place + 1)^(a - 1),
a = `power`: near 0 most queries come early, 1 is uniform.

Source: Arora et al. (2024), "Zoology", whose released code has this order, keys from 1 to half the vocabulary, values
from its upper half, and power 0.01. Shapes: inputs (length, batch) tokens; targets (length - 2 pairs, batch) for all
steps behind the pairs, of which the queries count. Keys and values are drawn independently, so a predictor that
remembers nothing takes each of the values of the upper half for equally likely: ln(vocabulary - vocabulary / 2). Others
differ: the paper's vocabulary has 8,192 tokens, and its models read out all of them.

Solved: fewer than 1% of fresh sequences have a wrong value at a query; the paper reports accuracy over the queries.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.task import Batch, at_least


class AssociativeRecall(ClassificationTask):
    """Recall of the values of `pairs` keys in sequences of `length` steps, the difficulty."""

    step_measures: ClassVar[Mapping[str, str]] = {"accuracy": "fraction of queries with the right value"}

    def __init__(self, length: int = 64, pairs: int = 4, vocabulary: int = 64, power: float = 0.01) -> None:
        at_least(1, "pairs", pairs, "something to recall")
        at_least(2 * (pairs + 1), "vocabulary", vocabulary, "different keys and values")
        if length % 2 or length < 4 * pairs:
            raise ValueError(
                f"length={length}: must be even and at least {4 * pairs} (4 steps for each of {pairs} pairs)"
            )
        if power <= 0:
            raise ValueError(f"power={power}: must be above 0 (1: queries fall anywhere alike)")
        self.length, self.pairs, self.power = length, pairs, power
        self.vocabulary = self.input_size = self.output_size = vocabulary
        self.guesses = range(vocabulary // 2, vocabulary)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        half, shown = self.output_size // 2, 2 * self.pairs
        keys = 1 + self._different(torch.ones(half - 1), batch_size, generator)
        values = half + self._different(torch.ones(self.output_size - half), batch_size, generator)
        places = torch.arange(1, (self.length - shown) // 2 + 1, dtype=torch.double) ** (self.power - 1)
        queries = 2 * self._different(places, batch_size, generator)
        tokens = torch.randint(0, self.output_size, (self.length, batch_size), generator=generator)
        tokens[:shown:2], tokens[1:shown:2] = keys, values
        tokens[shown:].scatter_(0, queries, keys)
        targets = torch.zeros(self.length - shown, batch_size, dtype=torch.long).scatter_(0, queries, values)
        asked = torch.zeros(targets.shape, dtype=torch.bool).scatter_(0, queries, True)
        return Batch(tokens, targets, asked)

    def _different(self, weights: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """`pairs` different places for each example, drawn with these weights, (pairs, batch)."""
        return torch.multinomial(weights.expand(batch_size, -1), self.pairs, generator=generator).T
