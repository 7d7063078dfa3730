"""Random steps from the supported operations: the generated loops agree with eager."""

from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import HealthCheck, given, settings
from side_by_side import assert_same_as_eager, prepared
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.backends import Fused
from rnnbench.cells import Cell, State

INPUT, HIDDEN = 2, 3
UNARY: dict[str, Any] = {
    **{name: getattr(torch, name) for name in ("sigmoid", "tanh", "relu", "neg", "cos", "sin", "erf")},
    "exp": lambda v: torch.exp(torch.tanh(v)),
    "log": lambda v: torch.log(v.square() + 1),
    "sqrt": lambda v: torch.sqrt(v.abs() + 0.5),
    "softplus": functional.softplus,
    "reciprocal": lambda v: 1 / (1.5 + torch.sigmoid(v)),
    "clamp": lambda v: v.clamp(-0.4, 0.6),
    "clamp_min": lambda v: torch.clamp(v, min=-0.1),
    "scaled": lambda v: 0.7 * v - 0.2,
}
BINARY: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: torch.tanh(a) * b,
    "div": lambda a, b: a / (b.square() + 0.5),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "where": lambda a, b: torch.where(a > b, a, 0.5 * b),
}
LINEARS = ("linear_0", "linear_1", "linear_2")


class RandomStep(Cell):
    """A step read off a list of (operation, first operand, second operand)."""

    def __init__(self, lines: list[tuple[str, int, int]], outputs: list[int], states: int) -> None:
        super().__init__(INPUT, HIDDEN)
        self.lines, self.outputs = lines, outputs
        self.state_names = tuple(f"s{index}" for index in range(states))  # type: ignore[misc]
        self.W_0, self.W_1 = self.input_map(), self.input_map(bias=False)
        self.linears = nn.ModuleList([self.recurrent_map(bias=index != 1) for index in range(len(LINEARS))])
        self.vector, self.number = nn.Parameter(torch.zeros(HIDDEN)), nn.Parameter(torch.zeros(()))

    def step(self, x: Tensor, state: State) -> State:
        values = [*state, self.W_0(x), self.W_1(torch.tanh(x)), self.vector, self.number]
        for operation, first, second in self.lines:
            a, b = values[first % len(values)], values[second % len(values)]
            if operation in UNARY:
                values.append(UNARY[operation](a))
            elif operation in BINARY:
                values.append(BINARY[operation](a, b))
            else:
                values.append(self.linears[LINEARS.index(operation)](a + 0 * state[0]))
        return tuple(torch.tanh(values[-1 - index] + 0.1 * state[index]) for index in self.outputs)


@st.composite
def steps(draw: st.DrawFn) -> RandomStep:
    states = draw(st.integers(1, 3))
    operations = st.sampled_from([*UNARY, *BINARY, *LINEARS * 3])
    lines = draw(st.lists(st.tuples(operations, st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=12))
    return RandomStep(lines, [draw(st.integers(0, states - 1)) for _ in range(states)], states)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cell=steps())
def test_generated_loops_agree_with_eager(interpret: None, cell: RandomStep) -> None:
    """Tracing, staging, differentiation and generation."""
    assert Fused().unsupported_reason(cell) is None
    assert_same_as_eager(prepared(cell), 3, 2, 1e-10)
