"""Characters: predict the next character of a text from those before it.

The text is the file at `path`, UTF-8. Its distinct characters are the vocabulary, in the order of their code points.
The file is split by contiguous parts, in this order: training, validation, test; `validation` and `test` are the
fractions of the last two. Each part is cut into windows of `length` steps that follow each other without a gap, its
last and shorter one left out, so that with the character before the first each is predicted once. The loss is the
cross-entropy in nats, the mean over all characters.

Source: the character-level language models of Sutskever, Martens & Hinton (2011) and Graves (2013), who print bits per
character, the loss over ln 2. Shapes: inputs (length, batch) as tokens, targets (length, batch), target t being input t
+ 1. Training goes through the windows of the training part in shuffled epochs, evaluation through a whole part in its
order, each window from the initial state: the first characters of a window are predicted from little, so that a longer
window scores better. The best constant is the unigram model: the frequencies of characters in the training part,
with one added to each count (so that a character that is not in it does not cost an infinity). It is the training
part's; elsewhere its loss may be higher. Others differ: text8 and enwik8 have 5% for validation and for the test each,
as here; the Penn Treebank comes in three files.

Solved: there is no criterion. An example counts as correct when every character of its window is predicted right, which
hardly any is, so measured are bits per character and the accuracy, over all characters.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.tasks.finite_task import PARTS, FiniteTask, Part, check_fractions, read_file
from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.task import Batch, StepMeasure, at_least

REMEDY = "name a text file in UTF-8, as task.path=FILE"


class Characters(FiniteTask, ClassificationTask):
    """The next character of the text at `path`, in windows of `length` characters; another text is another
    difficulty."""

    difficulty = "path"
    solved_error_rate = 0.0
    step_measures: ClassVar[Mapping[str, str]] = {
        "bits_per_character": "the loss over ln 2",
        "accuracy": "fraction of characters predicted right",
    }

    def __init__(self, path: str | Path, length: int = 100, validation: float = 0.05, test: float = 0.05) -> None:
        at_least(1, "length", length, "characters of a window")
        check_fractions(validation, test)
        text = read_file(path, lambda file: file.read_bytes().decode("utf-8"), REMEDY)
        self.characters = sorted(set(text))
        self.vocabulary = self.input_size = self.output_size = len(self.characters)
        if self.vocabulary < 2:
            raise ValueError(f"path={path}: must hold at least 2 distinct characters; {REMEDY}")
        numbers = {character: number for number, character in enumerate(self.characters)}
        tokens = torch.tensor([numbers[character] for character in text])
        ends = [len(text) - round((validation + test) * len(text)), len(text) - round(test * len(text))]
        self._windows: dict[Part, tuple[Tensor, Tensor]] = {}
        for split, part in zip(PARTS, tokens.tensor_split(ends), strict=True):
            count = (len(part) - 1) // length
            if count < 1:
                raise ValueError(
                    f"length={length}: its {split} part has {len(part)} of the {len(text)} characters of {path} and "
                    f"must have at least {length + 1}; choose a smaller length, a longer text or another fraction"
                )
            inputs, targets = part[: count * length], part[1 : count * length + 1]
            self._windows[split] = (inputs.view(count, length).T, targets.view(count, length).T)

    @cached_property
    def _counts(self) -> Float[Tensor, " vocabulary"]:
        """Of each character among the targets of training."""
        return torch.bincount(self._windows["training"][1].flatten(), minlength=self.output_size).double()

    @property
    def _frequencies(self) -> Float[Tensor, " vocabulary"]:
        """The unigram model: one is added to each count."""
        return (self._counts + 1) / (self._counts + 1).sum()

    @property
    def baseline_loss(self) -> float:
        return float(-(self._counts / self._counts.sum() * self._frequencies.log()).sum())

    def baseline_outputs(self, batch: Batch) -> Tensor:
        logits = self._frequencies.log().float().to(batch.targets.device)
        return logits.expand(*batch.targets.shape, self.output_size)

    def split_size(self, split: Part) -> int:
        return self._windows[split][0].shape[1]

    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        inputs, targets = self._windows[split]
        index = torch.tensor(chosen)
        return Batch(inputs[:, index], targets[:, index])

    def measure_steps(self, outputs: Tensor, batch: Batch) -> dict[str, StepMeasure]:
        losses = self.step_losses(outputs, batch.targets)
        return {"bits_per_character": StepMeasure(losses / math.log(2)), "accuracy": self.accuracy(outputs, batch)}
