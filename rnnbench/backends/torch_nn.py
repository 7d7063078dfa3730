"""torch.nn's recurrent kernels, for the cells whose equations they compute."""

import torch
from torch import Tensor, nn

from rnnbench.backends.backend import Backend, StateHook
from rnnbench.backends.eager import loop
from rnnbench.cells import Cell, State, TorchEquivalent


class TorchNn(Backend):
    """The kernel behind torch.nn.RNN, GRU or LSTM, run on the cell's own weights."""

    name = "torch"

    def unsupported_reason(self, cell: Cell) -> str | None:
        if cell.torch_equivalent() is None:
            return "torch.nn has no kernel with its equations"
        if not issubclass(_definer(cell, "torch_equivalent"), _definer(cell, "step")):
            return "its step overrides the equations of torch.nn's kernel"
        return None

    def run(
        self, cell: Cell, inputs: Tensor, state: State | None = None, hook: StateHook | None = None
    ) -> tuple[Tensor, State]:
        state = cell.initial_state(inputs.shape[1]) if state is None else state
        equivalent, reason = cell.torch_equivalent(), self.unsupported_reason(cell)
        if equivalent is None or reason is not None:
            raise ValueError(f"{type(cell).__name__}: {reason}")
        weights = _flat_weights(equivalent)
        if not len(inputs):
            return inputs.new_zeros(0, inputs.shape[1], cell.hidden_size), state
        if hook is None:
            return _call(equivalent, weights, inputs, state)
        # The kernel gives no gradients of the states between its steps, so it is called once per step.
        return loop(lambda x, state: _call(equivalent, weights, x.unsqueeze(0), state)[1], inputs, state, hook)


def _definer(cell: Cell, name: str) -> type:
    return next(base for base in type(cell).__mro__ if name in vars(base))


def _flat_weights(equivalent: TorchEquivalent) -> list[Tensor]:
    """The weights in torch.nn's layout: input and recurrent matrices, then their biases, gates stacked."""

    def bias(linear: nn.Linear) -> Tensor:
        return linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias

    inputs, recurrents = equivalent.input_maps, equivalent.recurrent_maps
    return [
        torch.cat([linear.weight for linear in inputs]),
        torch.cat([linear.weight for linear in recurrents]),
        torch.cat([bias(linear) for linear in inputs]),
        torch.cat([bias(linear) for linear in recurrents]),
    ]


def _call(equivalent: TorchEquivalent, weights: list[Tensor], inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """One layer, one direction, time first, no dropout; the kernel's states are (1, batch, hidden)."""
    first = [tensor.unsqueeze(0) for tensor in state]
    outputs, *final = equivalent.kernel(
        inputs, first if len(first) > 1 else first[0], weights, True, 1, 0.0, torch.is_grad_enabled(), False, False
    )
    return outputs, tuple(tensor.squeeze(0) for tensor in final)
