"""torch.nn's recurrent kernels, for the cells whose equations they compute."""

import torch
from torch import Tensor, nn

from rnnbench.backends.backend import Backend, StateTap
from rnnbench.backends.eager import tapped
from rnnbench.cells import Cell, State, TorchEquivalent


class TorchNn(Backend):
    """The kernel behind torch.nn.RNN, GRU or LSTM, run on the cell's own weights."""

    name = "torch"

    def refusal(self, cell: Cell) -> str | None:
        if cell.torch_equivalent() is None:
            return "torch.nn has no kernel with its equations"
        if not issubclass(_definer(cell, "torch_equivalent"), _definer(cell, "step")):
            return "its step overrides the equations of torch.nn's kernel"
        return None

    def run(self, cell: Cell, inputs: Tensor, state: State, tap: StateTap | None = None) -> tuple[Tensor, State]:
        equivalent, refusal = cell.torch_equivalent(), self.refusal(cell)
        if equivalent is None or refusal is not None:
            raise ValueError(f"{type(cell).__name__}: {refusal}")
        weights = _flat_weights(equivalent)
        if not len(inputs):
            return inputs.new_zeros(0, inputs.shape[1], cell.hidden_size), state
        if tap is None:
            return _call(equivalent, weights, inputs, state)
        outputs = []
        for time, x in enumerate(inputs.split(1)):
            _, state = _call(equivalent, weights, x, state)
            state = tapped(state, time, tap)
            outputs.append(state[0])
        return torch.stack(outputs), state


def _definer(cell: Cell, name: str) -> type:
    """The class of the cell's family that its method comes from."""
    return next(family for family in type(cell).__mro__ if name in vars(family))


def _flat_weights(equivalent: TorchEquivalent) -> list[Tensor]:
    """The weights as torch.nn lays them out: input and recurrent matrices, then their biases, gates stacked."""

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
