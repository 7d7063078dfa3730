"""Cycle navigation: say where steps of -1, 0 and +1 on a circle of five places end.

The steps and the one that asks for the answer are those of `answered_words`; symbols 0, 1 and 2 stand for -1, 0 and
+1, the walk starts at place 0, and the answer is the place where it ends.

Source: Delétang et al. (2023). After n steps place k has the chance of a random walk on the circle, by its Fourier sum
(1/5) sum_j ((1 + 2 cos(2 pi j/5))/3)^n cos(2 pi j k/5): ln 3 at one step, ln 5 to six digits from 20 on.
"""

import math

import torch
from torch import Tensor

from rnnbench.tasks.answered_words import AnsweredWords

PLACES = 5


class CycleNavigation(AnsweredWords):
    """The end of a walk of `length` steps, the difficulty."""

    symbols = 3
    output_size = PLACES

    def answers(self, words: Tensor) -> Tensor:
        return (words - 1).sum(0) % PLACES

    def answer_probabilities(self) -> Tensor:
        angles = 2 * math.pi * torch.arange(PLACES, dtype=torch.double) / PLACES
        weights = ((1 + 2 * torch.cos(angles)) / 3) ** self.length
        return (torch.cos(torch.outer(torch.arange(PLACES), angles)) @ weights / PLACES).clamp(min=0)
