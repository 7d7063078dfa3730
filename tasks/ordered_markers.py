"""Hochreiter & Schmidhuber's sequences of ordered markers, which two tasks share.

A sequence starts with the symbol E, ends with B, and in between shows distractors a to d, but for `markers` places that
show X or Y, each with chance one half. After B the output is to name which of the 2^markers orders it was. At length
100, with E at step 0, the places fall on steps 10 to 20 and 50 to 60 (two markers) or 10 to 20, 33 to 43 and 66 to 76
(three), and the sequence has 100 to 110 steps, all equally likely. Other lengths scale these numbers, rounded down.

Source: Hochreiter & Schmidhuber (1997), experiments 6a (two markers, 4 classes) and 6b (three, 8 classes). Shapes:
inputs (1.1 length, batch, 8) one-hot in the order E, B, a, b, c, d, X, Y, padded with zeros; targets (0.1 length + 1,
batch), of which each example's last real step counts; X, X is class 0, X, Y 1, and so on in binary. All classes are
equally likely. Others differ: Martens & Sutskever's code ends the windows at 10, 50 and at 10, 40, 60; Pascanu et
al.'s has a fixed length, no E and B, and half-open windows from 10 and 50 or 10, 30 and 60.
"""

import torch

from rnnbench.tasks.task import Batch, Task, at_least, one_hot

START, TRIGGER, FIRST_DISTRACTOR, FIRST_MARKER = 0, 1, 2, 6
DISTRACTORS = 4
WINDOWS = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
"""First and last step of each marker, in hundredths of the length."""


class OrderedMarkersTask(Task):
    """The order of two or three markers in at least `length` steps, the difficulty. Derive, and define the loss."""

    input_size = 8

    def __init__(self, length: int = 100, markers: int = 2) -> None:
        if markers not in WINDOWS:
            raise ValueError(f"markers={markers}: must be 2 or 3 (experiments 6a and 6b)")
        self.length = at_least(10, "length", length, "the windows are tenths of it")
        self.markers = markers
        self.output_size = 2**markers

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        steps = self.length + self.length // 10
        lengths = torch.randint(self.length, steps + 1, (1, batch_size), generator=generator)
        shown = FIRST_DISTRACTOR + torch.randint(0, DISTRACTORS, (steps, batch_size), generator=generator)
        target = torch.zeros(1, batch_size, dtype=torch.long)
        for first, last in WINDOWS[self.markers]:
            low, high = first * self.length // 100, last * self.length // 100
            place = torch.randint(low, high + 1, (1, batch_size), generator=generator)
            marker = torch.randint(0, 2, (1, batch_size), generator=generator)
            shown.scatter_(0, place, FIRST_MARKER + marker)
            target = 2 * target + marker
        shown[0] = START
        shown.scatter_(0, lengths - 1, TRIGGER)
        real = torch.arange(steps).unsqueeze(1) < lengths
        inputs = one_hot(shown, self.input_size) * real.unsqueeze(2)
        return Batch.scored_at_ends(inputs, target[0], lengths[0], self.length)
