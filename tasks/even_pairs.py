"""Even pairs: say whether the number of 01 and 10 in a string of bits is odd.

The string and the step that asks for the answer are those of `answered_words`; class 1 is odd. The number of changes is
even when the first bit equals the last, so that this is a test of holding one bit.

Source: Delétang et al. (2023). Both answers are equally likely from two bits on: ln 2; one bit has no pairs, which are
even.
"""

import torch
from torch import Tensor

from rnnbench.tasks.answered_words import AnsweredWords


class EvenPairs(AnsweredWords):
    """Even pairs in `length` bits, the difficulty."""

    symbols = 2
    output_size = 2

    def answers(self, words: Tensor) -> Tensor:
        return (words[1:] != words[:-1]).sum(0) % 2

    def answer_probabilities(self) -> Tensor:
        return torch.tensor([1.0, 0.0] if self.length == 1 else [0.5, 0.5])
