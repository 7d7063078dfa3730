"""Words of symbols with the answer asked for at a step of its own, as in Delétang et al. (2023).

A word is shown one symbol a step, and one more step shows a symbol of its own that asks for the answer. The output at
that step is scored; the loss is the cross-entropy in nats, and an example is correct when the answer is.

Source: Delétang et al. (2023), "Neural Networks and the Chomsky Hierarchy", with its released code: random words of
`length` symbols, all equally likely. Shapes: inputs (length + 1, batch, symbols + 1) one-hot, the asking symbol last;
targets (1, batch). A predictor that looks at no input knows how often each answer is right at this length, in closed
form, and its loss is the entropy of that. Others differ: the paper trains on lengths from 1 to 40 drawn anew for each
batch, tests on 41 to 500, and reports accuracy; its models apply a ReLU to the state before they read it out.

Solved: fewer than 1% of fresh words are answered wrong, the criterion of the other classification tasks; the paper asks
for 90% accuracy over the longer words.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.task import Batch, at_least, one_hot


class AnsweredWords(ClassificationTask):
    """A task on words of `length` symbols, the difficulty. Derive, and say what the symbols and the answers are."""

    symbols: ClassVar[int]
    """How many symbols a word is made of."""
    step_measures: ClassVar[Mapping[str, str]] = {"accuracy": "fraction of words that are answered right"}

    def __init__(self, length: int = 40) -> None:
        self.length = at_least(1, "length", length, "a symbol to ask about")
        self.input_size = self.symbols + 1

    def words(self, batch_size: int, generator: torch.Generator) -> Int[Tensor, "length batch"]:
        """Draw the words, all equally likely."""
        return torch.randint(0, self.symbols, (self.length, batch_size), generator=generator)

    @abstractmethod
    def answers(self, words: Int[Tensor, "length batch"]) -> Int[Tensor, " batch"]:
        """The answer to each word."""

    @abstractmethod
    def answer_probabilities(self) -> Float[Tensor, " output"]:
        """How often each answer is right over all words of this length."""

    @property
    def baseline_loss(self) -> float:
        return float(torch.special.entr(self.answer_probabilities().double()).sum())

    def baseline_outputs(self, batch: Batch) -> Tensor:
        return self.answer_probabilities().log().to(batch.inputs).expand(*batch.targets.shape, -1)

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        words = self.words(batch_size, generator)
        shown = functional.pad(words, (0, 0, 0, 1), value=self.symbols)
        return Batch(one_hot(shown, self.input_size), self.answers(words).unsqueeze(0))
