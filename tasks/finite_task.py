"""Tasks on finite data: the file that holds them, shuffled epochs for training, whole splits for evaluation."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import torch

from rnnbench.tasks.task import Batch, Split, Task

Part = Literal["training"] | Split
"""A split of finite data."""
PARTS: tuple[Part, ...] = ("training", "validation", "test")
Data = TypeVar("Data")


def read_file(path: str | Path, read: Callable[[Path], Data], remedy: str) -> Data:
    """What `read` makes of a user's file; `~` is the home folder, and a relative path starts where the command did.

    Raises ValueError with one line, the problem and the remedy, where there is no such file or `read` fails.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        where = "" if file.is_absolute() else f" in {Path.cwd()}"
        raise ValueError(f"path={path}: there is no such file{where}; {remedy}")
    try:
        return read(file)
    except Exception as error:  # libraries raise almost anything on a file of another kind
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        problem = f"{kind}{error}".partition("\n")[0]
        raise ValueError(f"path={path}: cannot be used ({problem}); {remedy}") from error


def check_fractions(validation: float, test: float) -> None:
    """Raise ValueError unless these fractions of the data leave some for every split."""
    if min(validation, test) <= 0 or validation + test >= 1:
        raise ValueError(f"validation={validation}: must, like test={test}, be above 0, and both together below 1")


class FiniteTask(Task):
    """A task whose examples are given. Derive, and say how many there are and how to batch some of them."""

    @abstractmethod
    def split_size(self, split: Part) -> int:
        """How many examples the split has."""

    @abstractmethod
    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        """The chosen examples of the split, in that order."""

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        """Draw training examples with replacement."""
        chosen = torch.randint(0, self.split_size("training"), (batch_size,), generator=generator)
        return self.examples("training", chosen.tolist())

    def batches_per_epoch(self, batch_size: int) -> int:
        return math.ceil(self.split_size("training") / batch_size)

    def training_batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """The training split over and over, shuffled anew each time; the last batch of an epoch may be smaller."""
        size = self.split_size("training")
        while True:
            order = torch.randperm(size, generator=generator).tolist()
            for start in range(0, size, batch_size):
                yield self.examples("training", order[start : start + batch_size])

    def evaluation_batches(
        self, split: Split, size: int, batch_size: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        """The whole split in its own order; `size` and the generator are not used."""
        held_out = range(self.split_size(split))
        for start in range(0, len(held_out), batch_size):
            yield self.examples(split, held_out[start : start + batch_size])
