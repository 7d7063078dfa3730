"""Names in the generated source: the user's where they are free, and never one for two values."""

import torch
from torch import Tensor

from rnnbench.backends.fused.codegen.layout import Layout
from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.ir.schedule import make_schedule
from rnnbench.cells.cell import Cell, State


class Named(Cell):
    """Values called like a function, a size, a buffer, another value of the generated source, and a keyword of it."""

    def __init__(self) -> None:
        super().__init__(2, 3)
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        gate = torch.sigmoid(self.W(x) + self.U(h))
        tanh = torch.tanh(gate * h)
        rows = gate - tanh
        h_now = rows * tanh
        mul_3 = h_now + 1
        add_9 = mul_3 * gate
        return (add_9 * mul_3,)


def test_a_name_that_means_something_is_given_a_number_and_others_stay() -> None:
    schedule = make_schedule(trace(Named()).graph, ("h",))
    names = Layout(schedule).names
    assert {"h", "gate", "W", "U"} <= set(names)
    assert not {"tanh", "rows", "h_now"} & set(names)


def test_no_two_values_have_one_name() -> None:
    for state_name in ("h", "gate", "input", "W"):
        schedule = make_schedule(trace(Named()).graph, (state_name,))
        names = [name for name in Layout(schedule).names if name]
        assert len(set(names)) == len(names)
