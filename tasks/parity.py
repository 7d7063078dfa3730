"""Parity: say whether the number of ones in a string of bits is odd.

The string and the step that asks for the answer are those of `answered_words`; class 1 is odd. Every bit changes the
answer, so that none can be forgotten.

Source: Delétang et al. (2023), "parity check". Both answers are equally likely: ln 2.
"""

import torch
from torch import Tensor

from rnnbench.tasks.answered_words import AnsweredWords


class Parity(AnsweredWords):
    """Parity of `length` bits, the difficulty."""

    symbols = 2
    output_size = 2

    def answers(self, words: Tensor) -> Tensor:
        return words.sum(0) % 2

    def answer_probabilities(self) -> Tensor:
        return torch.tensor([0.5, 0.5])
