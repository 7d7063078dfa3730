"""The memory that the loops of one run read and write, in few blocks: a tensor costs as much as a step of the loop."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.backends.fused.binding import Arrays, Binding
from rnnbench.backends.fused.memory import edges, leased, pieces


class Values:
    """The states and sequences, in one block: what the way forward writes and the way back reads.

    States lie as (steps + 1, batch, hidden), the initial one first; sequences as (steps, batch, width).
    """

    def __init__(self, binding: Binding, steps: int, batch: int, block: Tensor | None = None) -> None:
        plan = binding.program.plan
        self.shape = (steps + 1, batch, binding.hidden_size)
        self.row = batch * binding.hidden_size
        sizes = [(steps + 1) * self.row] * len(plan.state_names)
        sizes += [steps * batch * binding.width(position) for position in plan.sequences]
        self.block = leased(edges(sizes)[-1], binding.dtype) if block is None else block
        keys = [("state", index) for index in range(len(plan.state_names))]
        keys += [("sequence", position) for position in plan.sequences]
        self.arrays: Arrays = dict(zip(keys, pieces(self.block.numpy(), sizes), strict=True))
        self.states = [self.arrays["state", index] for index in range(len(plan.state_names))]

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
        sizes = [(steps + 1) * self.row] * len(binding.program.plan.state_names)
        block = leased(edges(sizes)[-1], binding.dtype)
        self.states = pieces(block.numpy(), sizes)
        self.inputs = inputs
        if wants_input or binding.program.touches_input:
            self.inputs = leased(inputs.numel(), binding.dtype).view(inputs.shape)
        self.sizes = binding.gathered_sizes(batch)
        total = edges(self.sizes.values())[-1]
        self.gathered = leased(parts * total, binding.dtype).zero_().view(parts, total)

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
        found = dict(zip(self.sizes, pieces(self.gathered[part].numpy(), self.sizes.values()), strict=True))
        found |= {("state_gradient", index): array for index, array in enumerate(self.states)}
        found["input_gradient", 0] = flat(self.inputs)
        return found

    def of_states(self) -> list[Tensor]:
        """The total derivative with respect to every state, the initial one first."""
        return [torch.from_numpy(array).view(self.shape) for array in self.states]

    def of_tensors(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the cell's tensors, over all slices of the batch."""
        total = self.gathered[0] if len(self.gathered) == 1 else self.gathered.sum(0)
        arrays = dict(zip(self.sizes, pieces(total.numpy(), self.sizes.values()), strict=True))
        return self.binding.gradients(arrays, tensors)


def flat(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a tensor in order, without a copy where they lie so."""
    array: NDArray[Any] = tensor.detach().contiguous().numpy().ravel()
    return array
