"""The memory that the loops of one run read and write, in few blocks: a tensor costs as much as a step of the loop."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.backends.fused.runtime.binding import Arrays, Binding
from rnnbench.backends.fused.runtime.memory import borrowed


class Values:
    """The states and sequences, in one block: what the way forward writes and the way back reads.

    States lie as (steps + 1, batch, hidden), the initial one first; sequences as (steps, batch, width).
    """

    def __init__(self, binding: Binding, steps: int, batch: int, block: Tensor | None = None) -> None:
        self.shape = (steps + 1, batch, binding.hidden_size)
        self.row = batch * binding.hidden_size
        places = binding.sizes(steps, batch).values
        self.block = borrowed(places.total, binding.dtype) if block is None else block
        found = places.pieces(self.block.numpy())
        self.arrays: Arrays = dict(zip(binding.value_keys, found, strict=True))
        self.states = found[: len(binding.program.schedule.state_names)]

    def begin(self, first: Sequence[Tensor]) -> None:
        """Put the initial state in its place."""
        for array, state in zip(self.states, first, strict=True):
            array[: self.row] = flat(state)

    def outputs(self) -> Tensor:
        """h after every step, a view of the block, so that a change in place is noticed."""
        return self.block[: self.states[0].size].view(self.shape)[1:]

    def final(self) -> list[Tensor]:
        """The state after the last step."""
        return [torch.from_numpy(array[-self.row :].reshape(self.shape[1:]).copy()) for array in self.states]


class Gradients:
    """The gradients with respect to the states, the inputs, and all that the loops read of the cell."""

    def __init__(self, binding: Binding, inputs: Tensor, wants_input: bool, parts: int) -> None:
        steps, batch, _ = inputs.shape
        self.binding = binding
        self.shape = (steps + 1, batch, binding.hidden_size)
        self.row = batch * binding.hidden_size
        self.sizes = binding.sizes(steps, batch)
        self.states = self.sizes.states.pieces(borrowed(self.sizes.states.total, binding.dtype).numpy())
        self.inputs = inputs
        if wants_input or binding.program.touches_input:
            self.inputs = borrowed(inputs.numel(), binding.dtype).view(inputs.shape)
        total = self.sizes.gathered.total
        self.gathered = borrowed(parts * total, binding.dtype).zero_().view(parts, total)

    def begin(self, upstream: Tensor | None, final: Sequence[Tensor | None]) -> None:
        """What the loss hands to the outputs and to the final state."""
        self.states[0][: self.row] = 0
        self.states[0][self.row :] = 0 if upstream is None else flat(upstream)
        for index, (array, gradient) in enumerate(zip(self.states, final, strict=True)):
            if index:
                array[-self.row :] = 0 if gradient is None else flat(gradient)
            elif gradient is not None:
                array[-self.row :] += flat(gradient)

    def arrays(self, part: int) -> Arrays:
        """The buffers by their roles, for one slice of the batch."""
        found = self._gathered_arrays(self.gathered[part])
        found |= {("state_gradient", index): array for index, array in enumerate(self.states)}
        found["input_gradient", 0] = flat(self.inputs)
        return found

    def of_states(self) -> list[Tensor]:
        """The total derivative with respect to every state, the initial one first."""
        return [torch.from_numpy(array).view(self.shape) for array in self.states]

    def of_first_state(self, index: int) -> Tensor:
        """The gradient with respect to one tensor of the initial state."""
        return torch.from_numpy(self.states[index][: self.row].reshape(self.shape[1:]).copy())

    def of_tensors(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the cell's tensors, over all slices of the batch."""
        total = self.gathered[0] if len(self.gathered) == 1 else self.gathered.sum(0)
        return self.binding.gradients(self._gathered_arrays(total), tensors)

    def _gathered_arrays(self, row: Tensor) -> Arrays:
        return dict(zip(self.binding.gathered_keys, self.sizes.gathered.pieces(row.numpy()), strict=True))


def flat(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a tensor in order, without a copy where they lie so."""
    array: NDArray[Any] = tensor.detach().contiguous().numpy().ravel()
    return array
