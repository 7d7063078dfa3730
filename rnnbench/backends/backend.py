"""What a backend is: a way to run a cell over a sequence, with the same numbers as the plain loop over `step`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.cells import Cell, State

StateHook = Callable[[int, int, Tensor], None]
"""Called in the backward pass as hook(state index, first step, gradients), gradients being (steps, batch, hidden): the
total derivative of the differentiated scalar with respect to that state tensor after each of those steps."""


@dataclass(frozen=True)
class Backend(ABC):
    """Runs a cell over a sequence. `Eager` is the reference that the others are tested against.

    A backend is a value: it has a number of CPU threads, by default torch's, and changes no global setting. The caller
    sets the threads of torch's own operations to `torch_threads`.
    """

    threads: int = field(default_factory=torch.get_num_threads)
    falls_back: bool = field(default=False, compare=False)
    """Whether a cell that has changed and can no longer be run goes to the plain loop, with a warning: as under auto.
    Else it is a ValueError."""
    name: ClassVar[str]

    @property
    def torch_threads(self) -> int:
        """How many threads torch's own operations should have (torch.set_num_threads) where this backend runs."""
        return self.threads

    @abstractmethod
    def unsupported_reason(self, cell: Cell) -> str | None:
        """Why this backend cannot run the cell, as a phrase for an error message, or None when it can.

        Found without running it, so that it does not depend on the weights.
        """

    def failed_check(self, cell: Cell) -> str | None:
        """How its numbers for this cell, with its present weights, differ from the plain loop's; None: they agree."""
        return None

    @abstractmethod
    def run(
        self,
        cell: Cell,
        inputs: Float[Tensor, "time batch input"],
        state: State | None = None,
        hook: StateHook | None = None,
    ) -> tuple[Float[Tensor, "time batch hidden"], State]:
        """Return h after every step and the final state, from the cell's initial one where none is given.

        The hook is called with the gradient of every state tensor.

        Raises ValueError for a cell that the backend does not support.
        """
