"""What a recurrent cell is: one step of equations over a tuple of state tensors."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class TorchEquivalent:
    """The torch kernel that computes a cell's equations, with the cell's linear maps in the kernel's gate order.

    `kernel` is `torch.rnn_tanh`, `torch.rnn_relu`, `torch.gru` or `torch.lstm`. The biases of both maps are added,
    as in torch.nn; a map without a bias counts as one of zeros.
    """

    kernel: Callable[..., Any]
    input_maps: tuple[nn.Linear, ...]
    recurrent_maps: tuple[nn.Linear, ...]


@dataclass(frozen=True)
class MemoryBiases:
    """The biases that set how long a cell remembers before it is trained, each (hidden,).

    `keep` is the bias of the gate that weights the old state, `write` that of the gate that weights the new; where one
    gate does both, the cell has only `keep` (the gate weights the old) or only `write` (the new). `added` are further
    biases of the same gates.
    """

    keep: Tensor | None = None
    write: Tensor | None = None
    added: tuple[Tensor, ...] = ()


class Cell(nn.Module, ABC):
    """One recurrent step. Derive, build the weights in the constructor, and write the equations in `step`.

    The constructor takes `(input_size, hidden_size, ...)`; further arguments are the cell's settings, listed in its
    YAML. Whole sequences, gradients through time, counts and compiled loops are all derived from `step`, so `step` must
    depend on nothing but its arguments and the cell's parameters, and treat the examples of a batch independently.
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)
    """One name per state tensor; the first is the output h."""
    nearest_torch_module: ClassVar[type[nn.Module] | None] = None
    """The module of torch.nn to compare the speed with, for a cell whose equations none computes."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias_starts: list[tuple[nn.Linear, float]] = []

    @abstractmethod
    def step(self, x: Float[Tensor, "batch input"], state: State) -> State:
        """Return the next state from the input x and the state, each tensor (batch, hidden), h first."""

    def input_map(self, bias: bool = True, bias_start: float | None = None) -> nn.Linear:
        """A new linear map from the input to the hidden size, W x + b. b starts at `bias_start`; None: random."""
        made = nn.Linear(self.input_size, self.hidden_size, bias=bias)
        if bias_start is not None:
            self.bias_starts.append((made, bias_start))
        return made

    def recurrent_map(self, bias: bool = False) -> nn.Linear:
        """A new linear map from the hidden size to itself: U h."""
        return nn.Linear(self.hidden_size, self.hidden_size, bias=bias)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step: zeros, (batch, hidden) each, on the parameters' device and dtype."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch_size, self.hidden_size) for _ in self.state_names)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw every parameter from U(-1/sqrt(hidden), 1/sqrt(hidden)), as torch.nn's recurrent layers do.

        Biases with a start of their own (see `input_map`) then get it.
        """
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        self.set_bias_starts()

    def set_bias_starts(self) -> None:
        """Set the biases for which the cell's settings fix a start, such as a forget bias."""
        for linear, start in self.bias_starts:
            nn.init.constant_(linear.bias, start)

    def memory_biases(self) -> MemoryBiases | None:
        """The biases that chrono initialisation sets, or None for a cell without such a gate."""
        return None

    def torch_equivalent(self) -> TorchEquivalent | None:
        """The torch kernel with the same equations, where there is one."""
        return None
