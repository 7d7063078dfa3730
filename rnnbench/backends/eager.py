"""The plain Python loop over `step`: any cell, and the truth for every other backend."""

from functools import partial

import torch
from torch import Tensor

from rnnbench.backends.backend import Backend, StateTap
from rnnbench.cells import Cell, State


class Eager(Backend):
    """h_t, ... = step(x_t, (h_{t-1}, ...)) for t = 1..T, one torch operation after the other."""

    name = "eager"

    def refusal(self, cell: Cell) -> str | None:
        return None

    def run(self, cell: Cell, inputs: Tensor, state: State, tap: StateTap | None = None) -> tuple[Tensor, State]:
        outputs = []
        for time, x in enumerate(inputs):
            state = cell.step(x, state)
            if tap is not None:
                state = tapped(state, time, tap)
            outputs.append(state[0])
        if not outputs:
            return inputs.new_zeros(0, inputs.shape[1], cell.hidden_size), state
        return torch.stack(outputs), state


def tapped(state: State, time: int, tap: StateTap) -> State:
    """The same state, each tensor its own node in the graph, whose gradient is handed to the tap when it is whole.

    A tensor that nothing trained reaches, such as a counter of steps, starts the graph there.
    """
    nodes = tuple(tensor.view_as(tensor) if tensor.requires_grad else tensor.clone() for tensor in state)
    for index, node in enumerate(nodes):
        node.requires_grad_().register_hook(partial(_hand_over, tap, index, time))
    return nodes


def _hand_over(tap: StateTap, index: int, time: int, gradient: Tensor) -> None:
    tap(index, time, gradient.unsqueeze(0))
