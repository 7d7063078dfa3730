"""Selective copying: pick the tokens out of a long row of blanks and repeat them in order.

The first length + tokens steps hold `tokens` tokens at random places, all sets of places equally likely, and blanks
elsewhere; as many cue steps follow. The targets are the tokens in order, one per cue step, and the loss is the
cross-entropy in nats over the cue steps. Where copy memory can count steps, this one has to look at the content.

Source: Gu & Dao (2023), with the generator of S4's code, as used for minGRU by Feng et al. (2024): 16 tokens among 4096
blanks and a vocabulary of 16, which holds the blank and the cue, so a token is one of 14. Shapes: inputs (length + 2
tokens, batch, vocabulary) one-hot, with blank 0, tokens 1 to vocabulary - 2, cue last; targets (tokens, batch) among
the vocabulary. The best constant guesses among the tokens: ln(vocabulary - 2) nats. Others differ: codes that call
4096 the whole length, that draw all 16 symbols of the vocabulary, or that show a single cue.

Solved: fewer than 1% of fresh sequences have a wrong token, our own choice; the papers report accuracy per token.
"""

import torch
from torch import Tensor

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.milestone import HALF_BASELINE, LEFT_BASELINE, RECALL
from rnnbench.tasks.task import Batch, at_least, one_hot

BLANK = 0


class SelectiveCopying(ClassificationTask):
    """Selective copying among `length` blanks, the difficulty."""

    milestones = (LEFT_BASELINE, HALF_BASELINE, RECALL)

    def __init__(self, length: int = 4096, tokens: int = 16, vocabulary: int = 16) -> None:
        self.length = at_least(1, "length", length, "without blanks there is nothing to select")
        self.tokens = at_least(1, "tokens", tokens, "something to recall")
        self.input_size = self.output_size = at_least(4, "vocabulary", vocabulary, "blank, cue and two tokens")
        self.guesses = range(1, vocabulary - 1)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        steps = self.length + self.tokens
        tokens = torch.randint(1, self.input_size - 1, (self.tokens, batch_size), generator=generator)
        keys = torch.rand(steps, batch_size, generator=generator)
        least, places = keys.topk(min(self.tokens + 1, steps), 0, largest=False)
        if bool((least[1:] == least[:-1]).any()):  # of equal keys the first counts
            places = keys.argsort(dim=0, stable=True)
        places = places[: self.tokens].sort(0).values
        shown = torch.full((steps + self.tokens, batch_size), self.input_size - 1)
        shown[:steps] = BLANK
        shown.scatter_(0, places, tokens)
        return Batch(one_hot(shown, self.input_size), tokens)

    def measures(self, outputs: Tensor, batch: Batch) -> dict[str, Tensor]:
        return self.recall_error(outputs, batch, self.tokens)
