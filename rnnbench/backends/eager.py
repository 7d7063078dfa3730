"""The plain Python loop over `step`: any cell, and the reference for every other backend."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from rnnbench.backends.backend import Backend, StateHook
from rnnbench.cells import Cell, State
from rnnbench.cells.cell import check_is_state


class Eager(Backend):
    """h_t, ... = step(x_t, (h_{t-1}, ...)) for t = 1..T, one torch operation after the other."""

    name = "eager"

    def unsupported_reason(self, cell: Cell) -> str | None:
        return None

    def run(
        self, cell: Cell, inputs: Tensor, state: State | None = None, hook: StateHook | None = None
    ) -> tuple[Tensor, State]:
        state = cell.initial_state(inputs.shape[1]) if state is None else state
        if not len(inputs):
            return inputs.new_zeros(0, inputs.shape[1], cell.hidden_size), state
        return loop(cell.step, inputs, state, hook)


def loop(
    step: Callable[[Tensor, State], State], inputs: Tensor, state: State, hook: StateHook | None
) -> tuple[Tensor, State]:
    """h after every step and the final state, for at least one step."""
    outputs = []
    for time, x in enumerate(inputs):
        before, state = state, step(x, state)
        if time == 0:
            check_is_state(step, state, len(before))
        if hook is not None:
            state = _hooked(state, time, hook)
        outputs.append(state[0])
    return torch.stack(outputs), state


def _hooked(state: State, time: int, hook: StateHook) -> State:
    """The same state, each tensor a node of its own in autograd's graph, with the hook on its total gradient.

    A tensor that depends on no parameter, such as a counter of steps, becomes a leaf of the graph.
    """
    nodes = tuple(tensor.view_as(tensor) if tensor.requires_grad else tensor.clone() for tensor in state)
    for index, node in enumerate(nodes):
        node.requires_grad_().register_hook(partial(_call, hook, index, time))
    return nodes


def _call(hook: StateHook, index: int, time: int, gradient: Tensor) -> None:
    hook(index, time, gradient.unsqueeze(0))
