"""What a step may call beside elementwise operations: every function by itself in a cell, against the plain loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from side_by_side import Formula, assert_same_as_eager, assert_same_numbers, drawn, numbers, prepared
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from rnnbench.backends import Eager, Fused
from rnnbench.cells import State

ACTIVATIONS = ("elu", "gelu", "hardtanh", "leaky_relu", "logsigmoid", "silu")
KINKS = [-6.0, -3.0, -1.0, -0.5, -0.1, -0.0, 0.0, 0.1, 0.5, 1.0, 3.0, 6.0, 25.0, -25.0, 800.0, -800.0]


class Step(Formula):
    """h and c of a width of its own, with what a formula may want."""

    state_names = ("h", "c")

    def __init__(self, formula: Callable[[Any, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__(formula, 3, 6)
        self.W, self.U = nn.Linear(3, 24), nn.Linear(6, 24, bias=False)
        self.V, self.P = nn.Parameter(torch.zeros(6, 6)), nn.Parameter(torch.zeros(4, 6))
        self.b, self.b4, self.s = (nn.Parameter(torch.zeros(size)) for size in (6, 24, 1))
        self.to_c, self.norm = nn.Linear(6, 4), nn.LayerNorm(6)
        self.lstm, self.rnn = nn.LSTMCell(4, 6, bias=False), nn.RNNCell(6, 6, nonlinearity="relu")
        self.gru = nn.GRUCell(6, 6)
        self.orthogonal = nn.Linear(6, 6, bias=False)
        parametrizations.orthogonal(self.orthogonal)
        self.register_buffer("fixed", torch.linspace(-1, 1, 36).view(6, 6))
        self.held = {"scale": (torch.tensor(0.3), 1), "matrix": self.fixed}

    def initial_state(self, batch_size: int) -> State:
        return self.zeros(batch_size, 6), self.zeros(batch_size, 4)


def in_parts(parts: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """Four gates from one matrix."""

    def formula(cell: Any, x: Tensor, h: Tensor, c: Tensor) -> Any:
        i, f, g, o = parts(torch.tanh(cell.W(x) + cell.U(h) + cell.b4))
        return torch.sigmoid(o) * (i + g), torch.sigmoid(f[:, :4]) * c + cell.b[1:5]

    return formula


def as_h(function: Callable[..., Tensor]) -> Callable[..., Any]:
    """h' from a function, c' from c."""
    return lambda cell, x, h, c: (torch.tanh(function(cell, x, h, c) + cell.W(x)[:, 6:12]), 0.5 * c + x[:, :1])


@torch.no_grad()
def without(h: Tensor, cell: Any) -> Tensor:
    """Of parts, none with a gradient, and one with."""
    i, g = h.chunk(2, 1)
    with torch.enable_grad():
        return torch.cat((i, g), 1) * torch.tanh(torch.cat((g, i), 1) @ cell.V)


STEPS: dict[str, Callable[..., Any]] = {
    "chunk": in_parts(lambda a: a.chunk(4, 1)),
    "slices": in_parts(lambda a: [a[:, first : first + 6] for first in (0, 6, 12)] + [a[..., -6:]]),
    "parts of states": lambda cell, x, h, c: (
        torch.cat((h[:, 4:], torch.tanh(h[:, :4] + c)), 1) + cell.W(x)[:, :6],
        torch.cat([c[:, 3:], x], 1) * torch.sigmoid(cell.to_c(h)),
    ),
    "weights in another order": as_h(
        lambda cell, x, h, c: h * cell.b[torch.arange(6).flip(0)] + h @ cell.V[:, [1, 0, 2, 5, 4, 3]]
    ),
    "comparison without a gradient": as_h(
        lambda cell, x, h, c: h * torch.no_grad()(lambda: torch.where(h > c[:, :1], cell.b, h))()
    ),
    "parts by names": as_h(
        lambda cell, x, h, c: (
            torch.cat(
                tensors=[
                    torch.narrow(dim=1, input=h, start=3, length=3),
                    *torch.split(tensor=h, split_size_or_sections=3, dim=1),
                ][:2],
                dim=1,
            )
            + cell.W(x)[:, :6]
        )
    ),
    "matmul": as_h(lambda cell, x, h, c: h @ cell.V),
    "linear": as_h(lambda cell, x, h, c: functional.linear(h, cell.V, cell.b)),
    "one weight twice": as_h(lambda cell, x, h, c: torch.sigmoid(h @ cell.V) * functional.linear(h, cell.V)),
    "sum of matrices": as_h(lambda cell, x, h, c: h @ (cell.V - cell.V.T - 0.1 * torch.eye(6, dtype=cell.V.dtype))),
    "orthogonal": as_h(lambda cell, x, h, c: cell.orthogonal(h)),
    "layer_norm": as_h(lambda cell, x, h, c: cell.norm(cell.W(x)[:, :6] + h)),
    "functions of parameters": as_h(lambda cell, x, h, c: h * functional.softplus(cell.b) * torch.exp(cell.s)),
    "comparison times a tensor": as_h(lambda cell, x, h, c: (h > 0) * h + (h < 0.5).to(h.dtype)),
    "numbers of NumPy": as_h(lambda cell, x, h, c: np.float64(0.1) * h + h / np.float32(3) - np.int64(2) * h),
    "constants": as_h(lambda cell, x, h, c: h * torch.tensor(0.1) + torch.as_tensor(2) * h * torch.arange(6)),
    "expanded": as_h(lambda cell, x, h, c: h * cell.b.expand(h.size(0), -1) + cell.s.expand(h.shape)),
    "rms_norm": as_h(lambda cell, x, h, c: functional.rms_norm(h, (6,), cell.b, 0.1)),
    "mean": as_h(lambda cell, x, h, c: torch.mean(h * c.mean(1, keepdim=True), dim=1, keepdim=True) * h),
    "LSTMCell": lambda cell, x, h, c: (cell.lstm(c, (h, h))[0], cell.to_c(cell.lstm(c, (h, h))[1])),
    "GRUCell": as_h(lambda cell, x, h, c: cell.gru(h, h)),
    "RNNCell": as_h(lambda cell, x, h, c: cell.rnn(h, h)),
    "group_norm": as_h(lambda cell, x, h, c: functional.group_norm(h, 2, cell.b)),
    "detach": as_h(lambda cell, x, h, c: torch.round(h).detach() + h - h.detach()),
    "sum without the axis": as_h(lambda cell, x, h, c: h / h.square().sum(1)[:, None] + h.mean(dim=[-1], keepdim=True)),
    "convolution": as_h(
        lambda cell, x, h, c: functional.conv1d(h[:, None], cell.b[None, None, :3], cell.s, padding=1)[:, 0]
    ),
    "tensors in containers": as_h(
        lambda cell, x, h, c: h * cell.held["scale"][0] + h @ cell.held["matrix"].to(h.dtype).t()
    ),
    "no_grad": as_h(
        lambda cell, x, h, c: h * torch.no_grad()(lambda: torch.sigmoid(cell.V @ cell.b + h))() + without(h, cell)
    ),
    "straight through": as_h(lambda cell, x, h, c: (h.round() - h).detach() + h + (h.round() - h).data),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
def test_interpreted_loops_agree_with_eager(interpret: None, name: str, dtype: torch.dtype) -> None:
    assert_same_as_eager(prepared(Step(STEPS[name]), dtype), 3, 5, 1e-11 if dtype == torch.float64 else 2e-4)


POWERS: list[Any] = [-2, -1, 0, 0.0, 0.5, 1, 1.5, 2, 3, np.float64(2)]
AT_KINKS: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: (lambda h, name=name: getattr(functional, name)(h)) for name in ACTIVATIONS},
    "square": lambda h: torch.square(h) + h.square(),
    "reciprocal": lambda h: torch.reciprocal(h) + h.rsqrt(),
    **{f"h ** {power}": (lambda h, power=power: h**power) for power in POWERS},
    "layer_norm": lambda h: functional.layer_norm(h, (3,)),
    "rms_norm": lambda h: functional.rms_norm(h, (3,)),
    "max": lambda h: torch.max(h, 0.5 * h) + torch.max(h, h * h),
    "min": lambda h: torch.min(h, 0.5 * h) + torch.minimum(h, h * h),
    "where": lambda h: torch.where(h > 0, h, 0 * h) + torch.where(h >= 1, 1.0, h),
    "masked_fill": lambda h: h.masked_fill(h <= 0, 0.5) * h,
    "clamp": lambda h: h.clamp(-1, 1) + h.clamp(min=0) + torch.clamp(h, max=0.5) + torch.clamp_min(h, 1) * h,
    "lerp": lambda h: torch.lerp(h, h.abs(), h.sign()),
    "sqrt of a square": lambda h: h.square().sum(-1, keepdim=True).sqrt() + torch.sqrt(h.square()),
    "division": lambda h: h / h.abs() + 1 / h,
}  # fmt: skip


@pytest.mark.parametrize("name", AT_KINKS)
def test_gradients_at_kinks_are_those_of_autograd(interpret: None, name: str) -> None:
    """Alone and among other features, which are equal, zero, or neither."""
    kinks = [kink for kink in KINKS if abs(kink) <= 6]
    rows = [[k, k, k] for k in kinks] + [[0.0, k, -k] for k in kinks]
    cell = Formula(lambda cell, x, h: AT_KINKS[name](h) + 0 * cell.W(x), 1, 3).double()
    assert Fused().unsupported_reason(cell) is None
    found = []
    for backend in (Fused(), Eager()):
        h = torch.tensor(rows, dtype=torch.float64).requires_grad_()
        outputs, _ = backend.run(cell, torch.zeros(1, len(h), 1, dtype=torch.float64), (h,))
        weights = torch.linspace(0.5, 2, outputs.numel(), dtype=h.dtype).view_as(outputs)
        found.append((outputs, torch.autograd.grad(outputs, h, weights, materialize_grads=True)[0]))
    torch.testing.assert_close(*found, rtol=1e-11, atol=1e-13, equal_nan=True)


NOISE: dict[str, Callable[..., Any]] = {
    "dropout": as_h(lambda cell, x, h, c: functional.dropout(h, 0.4, cell.training)),
    "Dropout": as_h(lambda cell, x, h, c: cell.drop(h) * cell.drop(h)),
    "zoneout": as_h(lambda cell, x, h, c: torch.where(torch.rand_like(h) < 0.3, h, cell.W(x)[:, :6])),
    "drawn but not used": as_h(lambda cell, x, h, c: (torch.rand_like(c), h * torch.rand_like(h))[1]),
}


@pytest.mark.parametrize("name", NOISE)
def test_noise_is_that_of_the_plain_loop_and_leaves_the_generator_where_it_does(interpret: None, name: str) -> None:
    cell = prepared(Step(NOISE[name]))
    inputs, state = drawn(cell, 4, 5)
    found, generators = [], []
    for backend in (Fused(), Eager()):
        torch.manual_seed(3)
        found.append(numbers(backend, cell, inputs, state))
        generators.append(torch.get_rng_state())
    assert_same_numbers(*found, 1e-11)
    assert torch.equal(*generators)
    torch.manual_seed(4)
    other = numbers(Fused(), cell, inputs, state)
    assert not torch.equal(other["outputs"], found[0]["outputs"])


def test_noise_of_modules_is_off_in_eval_mode(interpret: None) -> None:
    cell = prepared(Step(NOISE["Dropout"]))
    inputs, state = drawn(cell, 4, 5)
    in_training = Fused().run(cell, inputs, state)[0]
    cell.eval()
    drawn_before = torch.get_rng_state()
    assert_same_numbers(numbers(Fused(), cell, inputs, state), numbers(Eager(), cell, inputs, state), 1e-11)
    assert torch.equal(torch.get_rng_state(), drawn_before)
    cell.train()
    assert not torch.equal(Fused().run(cell, inputs, state)[0], in_training)


def everything(cell: Any, x: Tensor, h: Tensor, c: Tensor) -> Any:
    """All kinds of products, norms, noise and parts in one step."""
    i, f, g, o = torch.tanh(cell.W(x) + cell.U(cell.norm(h)) + cell.b4).chunk(4, 1)
    mixed = cell.b + h @ (cell.V - cell.V.T) + functional.linear(cell.drop(i), cell.V) + cell.orthogonal(g)
    mixed = mixed * torch.cat((h, c), 1).mean(-1, keepdim=True) + functional.silu(mixed) + torch.expm1(-mixed.square())
    new_c = torch.cat((c[:, 2:], x[:, 1:]), 1) * torch.sigmoid(f[:, :4]) + functional.elu(o[:, 2:])
    return functional.rms_norm(mixed, (6,)) + cell.lstm(new_c, (h, i))[0], new_c


def small(cell: Any, x: Tensor, h: Tensor, c: Tensor) -> Any:
    """What the loops call beside Linears, and functions that other tests do not compile."""
    mixed = functional.elu(torch.cat((cell.norm(h)[:, 2:], x[:, 1:]), 1) * cell.drop(h))
    root = torch.sqrt(h.square() + 0.1) - torch.log(h.abs() + 1) + torch.minimum(h, mixed)
    bounded = torch.exp(-h).clamp(max=5) + torch.where(h > mixed, functional.softplus(h), torch.erf(h) * torch.cos(h))
    return mixed * root + torch.relu(bounded), c * 0.5


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
def test_compiled_loops_agree_with_eager(dtype: torch.dtype) -> None:
    assert_same_as_eager(prepared(Step(small), dtype), 3, 5, 1e-11 if dtype == torch.float64 else 2e-4)


def test_gradients_equal_finite_differences(interpret: None) -> None:
    cell = prepared(Step(lambda cell, x, h, c: everything(cell.eval(), x, h, c)))
    cell.eval()
    inputs, state = drawn(cell, 2, 2)
    leaves = [inputs, *state, cell.V, cell.b4]
    assert torch.autograd.gradcheck(lambda *_: Fused().run(cell, inputs, state)[0], leaves, fast_mode=True)
