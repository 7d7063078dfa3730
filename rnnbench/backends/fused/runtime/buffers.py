"""What the loops of one run read and write, in few blocks of memory: a tensor costs as much as a step of a loop."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.backends.fused.runtime.binding import Arrays, Binding
from rnnbench.backends.fused.runtime.memory import borrowed


class Activations:
    """What the forward pass writes and the backward pass reads, in one block.

    The states are (steps + 1, batch, width), the initial one first; what is saved with them (steps, batch, width).
    """

    def __init__(self, binding: Binding, steps: int, batch: int, block: Tensor | None = None) -> None:
        self.shapes = [(steps + 1, batch, width) for width in binding.state_widths]
        layout = binding.layouts(steps, batch).activations
        self.block = borrowed(layout.total, binding.dtype) if block is None else block
        arrays = layout.arrays(self.block.numpy())
        self.arrays: Arrays = dict(zip(binding.activation_keys, arrays, strict=True))
        self.states = arrays[: len(binding.program.schedule.state_names)]

    def set_initial_state(self, initial: Sequence[Tensor]) -> None:
        """Copy the initial state to its place."""
        for array, state in zip(self.states, initial, strict=True):
            array[: state.numel()] = flat(state)

    def outputs(self) -> Tensor:
        """h after every step, a view of the block, so that autograd notices a change in place."""
        return self.block[: self.states[0].size].view(self.shapes[0])[1:]

    def final_state(self) -> list[Tensor]:
        """The state after the last step."""
        arrays = zip(self.states, self.shapes, strict=True)
        return [torch.from_numpy(array.reshape(shape)[-1].copy()) for array, shape in arrays]


class Gradients:
    """What the backward pass writes: the gradients of the states, the inputs, and the cell's tensors.

    Each of the `threads` accumulates gradients of the cell's tensors of its own, which are added in the end.
    """

    def __init__(self, binding: Binding, inputs: Tensor, wants_input: bool, threads: int) -> None:
        steps, batch, _ = inputs.shape
        self.binding = binding
        self.shapes = [(steps + 1, batch, width) for width in binding.state_widths]
        self.layouts = binding.layouts(steps, batch)
        layout = self.layouts.state_gradients
        self.states = layout.arrays(borrowed(layout.total, binding.dtype).numpy())
        self.inputs = inputs
        if wants_input or binding.program.touches_input:
            self.inputs = borrowed(inputs.numel(), binding.dtype).view(inputs.shape)
        total = self.layouts.accumulated.total
        self.accumulated = borrowed(threads * total, binding.dtype).zero_().view(threads, total)

    def set_upstream(self, outputs: Tensor | None, final: Sequence[Tensor | None]) -> None:
        """Begin with the gradients of the outputs and of the final state; None means zero."""
        for index, (array, shape, gradient) in enumerate(zip(self.states, self.shapes, final, strict=True)):
            row = shape[1] * shape[2]
            if index == 0:
                array[:row] = 0
                array[row:] = 0 if outputs is None else flat(outputs)
                if gradient is not None:
                    array[-row:] += flat(gradient)
            else:
                array[-row:] = 0 if gradient is None else flat(gradient)

    def arrays(self, thread: int) -> Arrays:
        """The buffers by their roles, for one of the threads."""
        found = self._accumulated_arrays(self.accumulated[thread])
        found |= {("state_gradient", index): array for index, array in enumerate(self.states)}
        found["input_gradient", 0] = flat(self.inputs)
        return found

    def of_states(self) -> list[Tensor]:
        """The total derivative with respect to every state, the initial one first."""
        return [torch.from_numpy(a).view(shape) for a, shape in zip(self.states, self.shapes, strict=True)]

    def of_initial_state(self, index: int) -> Tensor:
        """The gradient with respect to one tensor of the initial state."""
        return torch.from_numpy(self.states[index].reshape(self.shapes[index])[0].copy())

    def of_tensors(self, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the cell's tensors, added over the threads."""
        total = self.accumulated[0] if len(self.accumulated) == 1 else self.accumulated.sum(0)
        return self.binding.gradients(self._accumulated_arrays(total), tensors)

    def _accumulated_arrays(self, row: Tensor) -> Arrays:
        return dict(zip(self.binding.accumulated_keys, self.layouts.accumulated.arrays(row.numpy()), strict=True))


def flat(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a tensor in order, without a copy where it is contiguous."""
    array: NDArray[Any] = tensor.detach().contiguous().numpy().ravel()
    return array
