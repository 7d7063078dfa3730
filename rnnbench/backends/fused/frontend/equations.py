"""Functions of torch that are recorded as others: its cells, norms and activations as their documented equations."""

from collections.abc import Callable, Sequence
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


def _layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    difference = input - _mean(input, normalized_shape)
    return _scaled(difference / torch.sqrt(_mean(difference * difference, normalized_shape) + eps), weight, bias)


def _rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    return _scaled(input / torch.sqrt(_mean(input * input, normalized_shape) + eps), weight)


def _group_norm(input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    groups = [_layer_norm(group, group.shape[1:], eps=eps) for group in input.chunk(num_groups, 1)]
    return _scaled(torch.cat(groups, 1), weight, bias)


def _mean(input: Tensor, over: Sequence[int]) -> Tensor:
    """Over the features, which the norm must be over."""
    if len(over) != 1 or over[0] != input.shape[-1]:
        raise UnsupportedStepError(f"a norm over {tuple(over)} of {input.shape[-1]} features")
    return input.mean(-1, keepdim=True)


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None = None) -> Tensor:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    return torch.where(input <= min_val, min_val, torch.where(input >= max_val, max_val, input))


def _hardsigmoid(input: Tensor) -> Tensor:
    inner = _hardtanh(input, -3.0, 3.0)
    rounded = 0.16666667163372040 * inner  # 1 / 6 in float32, torch's derivative in every precision
    return rounded + (inner / 6 + 0.5 - rounded).detach()


def _log_sigmoid(input: Tensor) -> Tensor:
    return torch.minimum(input, 0 * input) - torch.log1p(torch.exp(-torch.abs(input)))


EQUATIONS: dict[Any, Callable[..., Any]] = {
    torch.lstm_cell: _lstm,
    torch.gru_cell: _gru,
    torch.rnn_tanh_cell: _rnn(torch.tanh),
    torch.rnn_relu_cell: _rnn(torch.relu),
    torch.conv1d: _conv1d,
    **dict.fromkeys([functional.layer_norm, torch.layer_norm], _layer_norm),
    **dict.fromkeys([functional.rms_norm, torch.rms_norm], _rms_norm),
    functional.group_norm: _group_norm,
    functional.elu: lambda input, alpha=1.0: torch.where(input > 0, input, alpha * torch.expm1(input.clamp(max=0))),
    functional.hardtanh: _hardtanh,
    functional.hardsigmoid: _hardsigmoid,
    functional.leaky_relu: lambda input, negative_slope=0.01: torch.where(input > 0, input, negative_slope * input),
    functional.logsigmoid: _log_sigmoid,
    functional.silu: lambda input: input * torch.sigmoid(input),
    **dict.fromkeys([torch.lerp, Tensor.lerp], lambda input, end, weight: input + weight * (end - input)),
    **dict.fromkeys(
        [torch.masked_fill, Tensor.masked_fill], lambda input, mask, value: torch.where(mask, value, input)
    ),
    **dict.fromkeys([torch.square, Tensor.square], lambda input: input * input),
    **dict.fromkeys([torch.reciprocal, Tensor.reciprocal], lambda input: 1 / input),
    **dict.fromkeys([torch.rsqrt, Tensor.rsqrt], lambda input: 1 / torch.sqrt(input)),
    Tensor.where: lambda input, condition, other: torch.where(condition, input, other),
}
"""From a function of torch to the same as a function that is recorded."""
