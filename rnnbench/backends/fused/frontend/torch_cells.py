"""torch.nn's cells, whose `forward` asks for shapes and so cannot be traced, as their documented equations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.backends.fused.ir.graph import UnsupportedStepError


def _sums(cell: Any, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """W x + b and U h + b of all gates."""
    return functional.linear(x, cell.weight_ih, cell.bias_ih), functional.linear(h, cell.weight_hh, cell.bias_hh)


def _lstm(cell: Any, input: Tensor, hx: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    h, c = hx
    of_input, of_state = _sums(cell, input, h)
    i, f, g, o = (of_input + of_state).chunk(4, 1)
    kept = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(kept), kept


def _gru(cell: Any, input: Tensor, hx: Tensor) -> Tensor:
    of_input, of_state = _sums(cell, input, hx)
    input_r, input_z, input_n = of_input.chunk(3, 1)
    state_r, state_z, state_n = of_state.chunk(3, 1)
    r, z = torch.sigmoid(input_r + state_r), torch.sigmoid(input_z + state_z)
    n = torch.tanh(input_n + r * state_n)
    return (1 - z) * n + z * hx


def _rnn(cell: Any, input: Tensor, hx: Tensor) -> Tensor:
    of_input, of_state = _sums(cell, input, hx)
    return getattr(torch, cell.nonlinearity)(of_input + of_state)  # type: ignore[no-any-return]


_EQUATIONS: dict[type[nn.Module], Callable[..., Any]] = {nn.LSTMCell: _lstm, nn.GRUCell: _gru, nn.RNNCell: _rnn}


def equations_of(module: nn.Module) -> Callable[..., Any] | None:
    """The equations of one of torch.nn's cells, as a function of the module, the input and the state."""
    equations = _EQUATIONS.get(type(module))
    if equations is None:
        return None

    def called(input: Tensor, hx: Any = None) -> Any:
        if hx is None:
            raise UnsupportedStepError(f"{type(module).__name__} without its state; pass it the state of the step")
        return equations(module, input, hx)

    return called
