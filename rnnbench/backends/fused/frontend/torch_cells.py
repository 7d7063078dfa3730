"""Functions of torch that are recorded as others: torch.nn's cells as their documented equations, a convolution."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.backends.fused.ir.graph import UnsupportedStepError


def _sums(input: Tensor, h: Tensor, *weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """W x + b and U h + c of all gates."""
    W, U, b, c = (*weights, None, None)[:4]
    return functional.linear(input, W, b), functional.linear(h, U, c)  # type: ignore[arg-type]


def _lstm(input: Tensor, hx: tuple[Tensor, Tensor], *weights: Tensor | None) -> tuple[Tensor, Tensor]:
    h, c = hx
    of_input, of_state = _sums(input, h, *weights)
    i, f, g, o = (of_input + of_state).chunk(4, 1)
    kept = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(kept), kept


def _gru(input: Tensor, hx: Tensor, *weights: Tensor | None) -> Tensor:
    of_input, of_state = _sums(input, hx, *weights)
    input_r, input_z, input_n = of_input.chunk(3, 1)
    state_r, state_z, state_n = of_state.chunk(3, 1)
    r, z = torch.sigmoid(input_r + state_r), torch.sigmoid(input_z + state_z)
    n = torch.tanh(input_n + r * state_n)
    return (1 - z) * n + z * hx


def _rnn(nonlinearity: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda input, hx, *weights: nonlinearity(torch.add(*_sums(input, hx, *weights)))


def _conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, *others: Any
) -> Tensor:
    """Of one channel, (batch, 1, features): a product with a matrix that has the weight on its diagonals."""
    (step,), (border,) = ((n,) if isinstance(n, int) else n for n in (stride, padding))
    if weight.shape[:2] != (1, 1) or step != 1 or input.dim() != 3 or others not in ((), ((1,), 1)):
        raise UnsupportedStepError("conv1d() of several channels, with a stride or a dilation")
    before, size = int(input.shape[2]), int(weight.shape[2])
    after = before + 2 * border - (size - 1)
    ones = torch.ones(before + after, dtype=weight.dtype)
    diagonals = [weight[0, 0, k] * ones.diag(border - k)[:before, :after] for k in range(size)]
    product = input @ sum(diagonals[1:], diagonals[0])
    return product if bias is None else product + bias


EQUATIONS: dict[Any, Callable[..., Any]] = {
    torch.lstm_cell: _lstm,
    torch.gru_cell: _gru,
    torch.rnn_tanh_cell: _rnn(torch.tanh),
    torch.rnn_relu_cell: _rnn(torch.relu),
    torch.conv1d: _conv1d,
}
"""From a function of torch to the same as a function that is recorded."""
