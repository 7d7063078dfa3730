"""Running the compiled loops as one node of autograd's graph."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rnnbench.backends.backend import StateHook
from rnnbench.backends.fused.runtime.batch_threads import batch_ranges, run_on_threads
from rnnbench.backends.fused.runtime.binding import Binding
from rnnbench.backends.fused.runtime.buffers import Gradients, Values, flat
from rnnbench.backends.fused.runtime.compile import compiled
from rnnbench.cells import State

CHUNK_ROWS = 192
"""Rows of gradients gathered before they are multiplied into the weights' gradients: enough to keep a tile busy, few
enough to stay in the cache."""


def run_binding(
    binding: Binding, inputs: Tensor, state: State, hook: StateHook | None, threads: int
) -> tuple[Tensor, State]:
    """The outputs (time, batch, hidden) and the final state; at least one step and one example."""
    read = (inputs, *state, *binding.tensors())
    if hook is not None and not any(tensor.requires_grad for tensor in read):
        # Nothing is trained, and the hook is to be called all the same.
        state = (state[0].clone().requires_grad_(), *state[1:])
    results = _Sequence.apply(binding, hook, threads, inputs, *state, *binding.tensors())  # type: ignore[no-untyped-call]
    return results[0], tuple(results[1:])


class _Sequence(torch.autograd.Function):
    """The cell over a sequence: the loop forward, and the loop back for the gradients of all it has read."""

    @staticmethod
    def forward(
        ctx: Any, binding: Binding, hook: StateHook | None, threads: int, inputs: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        inputs = inputs.contiguous()
        steps, batch, _ = inputs.shape
        count = len(binding.program.schedule.state_names)
        values = Values(binding, steps, batch)
        values.begin(tensors[:count])
        parts = batch_ranges(batch, steps * batch * binding.multiply_adds, threads)
        _run_forward(binding, inputs, values, tensors[count:], parts)
        ctx.binding, ctx.hook, ctx.parts = binding, hook, parts
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, values.block, *tensors[count:])
        return values.outputs(), *values.final()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *final: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph=True: the gradients of backend=fused have none; use backend=eager")
        inputs, block, *tensors = ctx.saved_tensors
        steps, batch, _ = inputs.shape
        parts, wants_input = ctx.parts, ctx.needs_input_grad[3]
        wants_state = ctx.needs_input_grad[4 : 4 + len(final)]
        gradients = Gradients(ctx.binding, inputs, wants_input, len(parts))
        gradients.begin(upstream, final)
        _run_backward(inputs, Values(ctx.binding, steps, batch, block), tensors, gradients, parts, wants_input)
        if ctx.hook is not None:
            for index, gradient in enumerate(gradients.of_states()):
                ctx.hook(index, 0, gradient[1:])
        return (
            None,
            None,
            None,
            gradients.inputs if wants_input else None,
            *(gradients.of_first_state(index) if wanted else None for index, wanted in enumerate(wants_state)),
            *gradients.of_tensors(tensors),
        )


def _run_forward(
    binding: Binding, inputs: Tensor, values: Values, tensors: Sequence[Tensor], parts: list[tuple[int, int]]
) -> None:
    program = binding.program
    loop = compiled(program.source, program.real).forward
    steps, batch, _ = inputs.shape
    known = {("input", 0): flat(inputs), **values.arrays, **binding.arrays(tensors, batch)}
    arrays = [known[key] for key in binding.forward_keys]

    def run(_: int, start: int, stop: int) -> None:
        loop(steps, batch, start, stop, *program.widths, *arrays)

    run_on_threads(run, parts)


def _run_backward(
    inputs: Tensor,
    values: Values,
    tensors: Sequence[Tensor],
    gradients: Gradients,
    parts: list[tuple[int, int]],
    wants_input: bool,
) -> None:
    binding, program = gradients.binding, gradients.binding.program
    loop = compiled(program.source, program.real).backward
    steps, batch, _ = inputs.shape
    known = {("input", 0): flat(inputs), **values.arrays, **binding.arrays(tensors, batch)}
    found = [{**known, **gradients.arrays(part)} for part in range(len(parts))]
    arrays = [[found[part][key] for key in binding.backward_keys] for part in range(len(parts))]

    def run(part: int, start: int, stop: int) -> None:
        chunk = max(1, CHUNK_ROWS // (stop - start))
        loop(steps, batch, start, stop, *program.widths, chunk, int(wants_input), *arrays[part])

    run_on_threads(run, parts)
