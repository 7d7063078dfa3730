"""What a backend is: a way to run a cell over a sequence, with the same numbers as the plain loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.cells import Cell, State

StateTap = Callable[[int, int, Tensor], None]
"""Called in the backward pass as tap(state index, first step, gradients), gradients being (steps, batch, hidden): the
total derivative of what is differentiated with respect to that state tensor after each of those steps."""


class Backend(ABC):
    """Runs a cell over a sequence. `Eager` is the truth that the others are tested against."""

    name: ClassVar[str]

    def use_threads(self, count: int) -> None:
        """Compute with so many CPU threads from now on, in this process."""
        torch.set_num_threads(count)

    @property
    def threads(self) -> int:
        """How many it computes with."""
        return torch.get_num_threads()

    @abstractmethod
    def refusal(self, cell: Cell) -> str | None:
        """Why this backend cannot run the cell, in words, or None when it can."""

    @abstractmethod
    def run(
        self,
        cell: Cell,
        inputs: Float[Tensor, "time batch input"],
        state: State,
        tap: StateTap | None = None,
    ) -> tuple[Float[Tensor, "time batch hidden"], State]:
        """Return h after every step and the final state. With a tap, hand it the gradient of every state tensor."""
