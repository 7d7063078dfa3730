"""What a run of given sizes needs besides its tensors, made once for those sizes."""

from typing import TYPE_CHECKING

from rnnbench.backends.fused.runtime.batch_threads import batch_ranges
from rnnbench.backends.fused.runtime.memory import BlockLayout

if TYPE_CHECKING:
    from rnnbench.backends.fused.runtime.binding import Binding

CHUNK_ROWS = 192
"""Rows of gradients that are collected before they are multiplied into the weights' gradients: enough to keep the
microkernel busy, few enough to stay in the cache."""


class Plan:
    """Where the arrays of a run lie in its three blocks of memory, and the integers that the loops take."""

    def __init__(self, binding: "Binding", steps: int, batch: int, threads: int) -> None:
        program, width = binding.program, binding.width
        schedule = program.schedule
        self.binding = binding
        self.state_shapes = [(steps + 1, batch, features) for features in binding.state_widths]
        size = batch * binding.state_widths[0]
        self.outputs = (steps, *self.state_shapes[0][1:]), (size, binding.state_widths[0], 1), size
        """The shape, the strides and the place of h after each step, in the first block."""
        states = [(steps + 1) * batch * features for features in binding.state_widths]
        saved = [steps * batch * width(position) for position in schedule.saved_for_backward]
        weights = [width(linear) * width(schedule.source(linear)) for linear in schedule.linears]
        biases = [width(total) for total in schedule.linear_sums]
        self.activations = BlockLayout([*states, *saved], binding.dtype)
        """The states, (steps + 1, batch, width) with the initial one first, and what is saved with them for the
        backward pass, (steps, batch, width)."""
        self.state_gradients = BlockLayout(states, binding.dtype)
        """With respect to the states at every step."""
        self.final_gradients = BlockLayout([2 * batch * features for features in binding.state_widths], binding.dtype)
        """With respect to the states at two steps."""
        self.accumulated = BlockLayout(
            [*weights, *biases, *(batch * width(p) for p in schedule.parameters)], binding.dtype
        )
        """The gradients of the weights, the sums of biases and the parameters, accumulated over the steps, by each
        thread on its own."""
        ranges = batch_ranges(batch, steps * batch * sum(weights), threads)
        self.forward_sizes = [(steps, batch, *part, *program.sizes) for part in ranges]
        """The integers that the forward loop takes, for each of the threads."""
        chunks = [max(1, CHUNK_ROWS // (stop - start)) for start, stop in ranges]
        self.backward_sizes = [(*sizes, chunk) for sizes, chunk in zip(self.forward_sizes, chunks, strict=True)]
