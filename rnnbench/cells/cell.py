"""What a recurrent cell is: one step of equations over a tuple of state tensors."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnbench.errors import ComponentError

State = tuple[Tensor, ...]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}
"""Those that a setting can name."""


@dataclass(frozen=True)
class TorchEquivalent:
    """The torch kernel that computes a cell's equations, with the cell's linear maps in the kernel's gate order.

    `kernel` is `torch.rnn_tanh`, `torch.rnn_relu`, `torch.gru` or `torch.lstm`. The biases of both maps are added,
    as in torch.nn; a map without a bias counts as one of zeros.
    """

    kernel: Callable[..., Any]
    input_maps: tuple[nn.Linear, ...]
    recurrent_maps: tuple[nn.Linear, ...]


def check_is_state(step: Callable[..., Any], returned: object, tensors: int) -> None:
    """Raise ComponentError unless what a step returned is as many tensors as it was given, in a tuple or list."""
    kind = f"a {type(returned).__name__}"
    if isinstance(returned, tuple | list):
        if len(returned) == tensors:
            return
        kind = f"{len(returned)} tensors"
    remedy = "`return (h,)`" if tensors == 1 else f"it must return its {tensors} state tensors, h first"
    code = getattr(inspect.unwrap(step), "__code__", None)
    where = f"{code.co_filename}, line {code.co_firstlineno}: {code.co_qualname}" if code else "step"
    raise ComponentError(f"{where} returns {kind}; {remedy}")


class Cell(nn.Module, ABC):
    """One recurrent step. Derive, build the weights in the constructor, and write the equations in `step`.

    The constructor takes `(input_size, hidden_size, ...)`; further arguments are the cell's settings, listed in its
    YAML. Whole sequences, gradients through time, counts and compiled loops are all derived from `step`, so `step` must
    depend on nothing but its arguments and the cell's parameters, and treat the examples of a batch independently.

    The state is one tensor (batch, ...) or more. h, the first, is (batch, hidden) and real; the others, which
    `initial_state` makes, may have any shape and may be complex. An initial state may be a parameter: learned.

    `initialise` draws the weights for a run. What the constructor sets stays, but for what `initialise` names.
    """

    state_names: tuple[str, ...] = ("h",)
    """One name per state tensor; the first is the output h."""
    keep_bias: ClassVar[str] = ""
    """The name of the parameter (hidden,) that is the bias of the gate on the old state, which chrono initialisation
    sets. A gate that weights both states has only `keep_bias` (its value weights the old) or `write_bias` (the new)."""
    write_bias: ClassVar[str] = ""
    """Likewise of the gate on the new state."""
    added_bias: ClassVar[str] = ""
    """A second bias of one of them."""
    published_rates: ClassVar[Mapping[str, float]] = {}
    """Factors of the learning rate, by parameter, with which its paper trains; `initialisation=paper` has them."""
    nearest_torch_module: ClassVar[type[nn.Module] | None] = None
    """The module of torch.nn to compare the speed with, for a cell whose equations none computes."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias_starts: list[tuple[nn.Linear, float]] = []
        self.drawn_vectors: list[nn.Parameter] = []

    @abstractmethod
    def step(self, x: Float[Tensor, "batch input"], state: State) -> State:
        """Return the next state from the input x and the state, tensors of the same shapes, h first."""

    def input_map(self, bias: bool = True, bias_start: float | None = None) -> nn.Linear:
        """A new linear map from the input to the hidden size, W x + b. b starts at `bias_start`; None: random."""
        made = nn.Linear(self.input_size, self.hidden_size, bias=bias)
        if bias_start is not None:
            self.bias_starts.append((made, bias_start))
        return made

    def recurrent_map(self, bias: bool = False) -> nn.Linear:
        """A new linear map from the hidden size to itself: U h."""
        return nn.Linear(self.hidden_size, self.hidden_size, bias=bias)

    def unit_weights(self) -> nn.Parameter:
        """A new vector with one weight per unit, as in u * h, which `initialise` draws like the matrices."""
        bound = 1 / math.sqrt(self.hidden_size)
        made = nn.Parameter(torch.empty(self.hidden_size).uniform_(-bound, bound))
        self.drawn_vectors.append(made)
        return made

    def zeros(self, *size: int) -> Tensor:
        """Zeros on the parameters' device, real, in their precision."""
        like = next(self.parameters())
        return like.new_zeros(size, dtype=like.dtype.to_real())

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step: zeros, (batch, hidden) each."""
        zeros = self.zeros(batch_size, self.hidden_size)
        return (zeros, *(torch.zeros_like(zeros) for _ in self.state_names[1:]))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weights from U(-1/sqrt(hidden), 1/sqrt(hidden)), as torch.nn's recurrent layers do; these are:

        - weights and biases of linear and bilinear maps and of torch's recurrent cells and layers;
        - vectors made by `unit_weights`;
        - parameters of the cell's own that the constructor left without values: matrices of zeros and, in a `Model`,
          those of torch.empty, unless they are a learned initial state. Of complex ones both parts are drawn.

        Everything else is left as the constructor made it: scales and shifts of normalisations, numbers and vectors,
        matrices with values, parametrised weights, learned initial states, buffers. A `Model` seeds the constructor's
        own draws from the same generator. Biases with a start of their own (see `input_map`) then get it.
        """
        bound = 1 / math.sqrt(self.hidden_size)
        drawn = self._drawn()
        for parameter in self.parameters():
            if id(parameter) in drawn:
                values = torch.view_as_real(parameter.detach()) if parameter.is_complex() else parameter
                nn.init.uniform_(values, -bound, bound, generator=generator)
        self.set_bias_starts()

    def draw_uniform(self, bound: float, generator: torch.Generator) -> None:
        """Draw all parameters from U(-bound, bound)."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def initialise_as_published(self, generator: torch.Generator) -> None:
        """Draw the weights as the cell's paper or its code does. Raises ValueError where neither states one."""
        raise ValueError(f"initialisation=paper: none is stated for {type(self).__name__}; use default")

    def _drawn(self) -> set[int]:
        """The ids of the parameters that `initialise` draws."""
        own = [
            parameter
            for module in self.modules()
            if isinstance(module, nn.Linear | nn.Bilinear | nn.RNNCellBase | nn.RNNBase)
            for parameter in module.parameters(recurse=False)
        ]
        starts = self.learned_starts()
        left = [
            parameter
            for parameter in self.parameters()
            if parameter.isnan().all() or (parameter.dim() > 1 and not parameter.any())
        ]
        return {id(parameter) for parameter in (*own, *self.drawn_vectors, *left)} - {id(start) for start in starts}

    def learned_starts(self) -> list[nn.Parameter]:
        """The parameters that the initial state depends on."""
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            made = [tensor.abs().sum() for tensor in self.initial_state(1) if tensor.requires_grad]
        if not made:
            return []
        found = torch.autograd.grad(sum(made[1:], made[0]), parameters, allow_unused=True)
        return [parameter for parameter, gradient in zip(parameters, found, strict=True) if gradient is not None]

    def set_bias_starts(self) -> None:
        """Set the biases for which the cell's settings fix a start, such as a forget bias."""
        for linear, start in self.bias_starts:
            nn.init.constant_(linear.bias, start)

    def torch_equivalent(self) -> TorchEquivalent | None:
        """The torch kernel with the same equations, where there is one."""
        return None
