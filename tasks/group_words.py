"""Group words: follow the product of a word of group elements, every one of which changes it.

Each step shows an element of the group, all equally likely; the target is the product of all elements so far, each
multiplied from the right: first x1, then x1 x2, then x1 x2 x3. It is scored at every step or, with `scored=end`, after
the last. The loss is the cross-entropy in nats over the scored steps.

The groups are permutations: s3 of three things (6 elements), a5 the even ones of five (60), s5 all of five (120), in
lexicographic order, the identity first. (x y) does y first: (x y)(i) = x(y(i)). a5 and s5 are not solvable: following
them is NC1-complete, out of reach of linear recurrences with diagonal matrices at a fixed depth, while s3 is solvable.

Source: Liu et al. (2023), "Transformers Learn Shortcuts to Automata"; Merrill, Petty & Sabharwal (2024), "The Illusion
of State in State-Space Models". Shapes: inputs (length, batch, elements) one-hot; targets (length, batch), or, at the
end, (1, batch), among the elements. A product of random elements is equally likely to be any of them: ln(elements). The
first input alone says the product of its step, so that without memory (1 - 1/length) ln(elements) can be had when every
step is scored; the best constant looks at no input. Others differ: Merrill et al. embed the
elements.

Solved: fewer than 1% of fresh words have a wrong product at a scored step.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import ClassVar, Literal

import torch

from rnnbench.tasks.losses import ClassificationTask
from rnnbench.tasks.task import Batch, at_least, one_hot

POINTS = {"s3": 3, "a5": 5, "s5": 5}


def elements_of(group: str) -> list[tuple[int, ...]]:
    """The permutations of a group in lexicographic order, each as the images of 0, 1, ..."""
    every = permutations(range(POINTS[group]))
    return [each for each in every if group != "a5" or _is_even(each)]


def _is_even(permutation: tuple[int, ...]) -> bool:
    pairs = [(first, second) for second in range(len(permutation)) for first in range(second)]
    return sum(permutation[first] > permutation[second] for first, second in pairs) % 2 == 0


class GroupWords(ClassificationTask):
    """The running product of `length` elements of a group; length is the difficulty."""

    step_measures: ClassVar[Mapping[str, str]] = {"accuracy": "fraction of scored steps with the right product"}

    def __init__(self, length: int = 32, group: str = "s3", scored: Literal["every", "end"] = "every") -> None:
        if group not in POINTS:
            raise ValueError(f"group={group}: must be one of {', '.join(POINTS)}")
        if scored not in ("every", "end"):
            raise ValueError(f"scored={scored}: must be every (step) or end")
        self.length, self.scored = at_least(1, "length", length, "an element"), scored
        elements = elements_of(group)
        self.input_size = self.output_size = len(elements)
        self.guesses = range(len(elements))
        index = {element: place for place, element in enumerate(elements)}
        products = [[index[tuple(x[i] for i in y)] for y in elements] for x in elements]
        self.table = torch.tensor(products)
        """The product of each element with each, as places in the order of the elements."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        words = torch.randint(0, self.input_size, (self.length, batch_size), generator=generator)
        products = [words[0]]
        for element in words[1:]:
            products.append(self.table[products[-1], element])
        targets = torch.stack(products if self.scored == "every" else products[-1:])
        return Batch(one_hot(words, self.input_size), targets)
