"""Running the compiled loops as one node of autograd's graph."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.backends.backend import StateHook
from rnnbench.backends.fused.ir.nodes import Noise
from rnnbench.backends.fused.runtime.batch_threads import BatchRange, batch_ranges, run_on_threads
from rnnbench.backends.fused.runtime.binding import Arrays, Binding
from rnnbench.backends.fused.runtime.buffers import Activations, Gradients, flat
from rnnbench.backends.fused.runtime.compile import compiled
from rnnbench.cells import Cell, State

CHUNK_ROWS = 192
"""Rows of gradients that are collected before they are multiplied into the weights' gradients: enough to keep the
microkernel busy, few enough to stay in the cache."""


DRAWS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "rand": lambda like, _: torch.rand_like(like),
    "randn": lambda like, _: torch.randn_like(like),
    "dropout": lambda like, p: functional.dropout(torch.ones_like(like), p),
}
"""What a `Noise` node can be, drawn in the shape of a tensor."""


def draw_noise(kinds: Sequence[Noise], steps: int, batch: int, dtype: torch.dtype) -> list[Tensor]:
    """Numbers (steps, batch, width) for each of the nodes, from torch's generator in the order of the plain loop."""
    found = [torch.empty(steps, batch, kind.width or 1, dtype=dtype) for kind in kinds]
    for step in range(steps):
        for kind, numbers in zip(kinds, found, strict=True):
            numbers[step] = DRAWS[kind.draw](torch.zeros_like(numbers[step]), kind.setting)
    return found


def run_binding(
    binding: Binding, cell: Cell, inputs: Tensor, state: State, hook: StateHook | None, threads: int
) -> tuple[Tensor, State]:
    """The outputs (time, batch, hidden) and the final state, for at least one step and one example."""
    tensors = binding.tensors(cell)
    noise = draw_noise(binding.noise, inputs.shape[0], inputs.shape[1], binding.dtype)
    if hook is not None and not any(tensor.requires_grad for tensor in (inputs, *state, *tensors)):
        # Nothing is trained, and the hook is to be called all the same.
        state = (state[0].clone().requires_grad_(), *state[1:])
    results = _FusedLoops.apply(binding, hook, threads, noise, inputs, *state, *tensors)  # type: ignore[no-untyped-call]
    return results[0], tuple(results[1:])


class _FusedLoops(torch.autograd.Function):
    """The cell over a sequence: the forward loop, and the backward loop for the gradients of all that it reads."""

    @staticmethod
    def forward(
        ctx: Any,
        binding: Binding,
        hook: StateHook | None,
        threads: int,
        noise: list[Tensor],
        inputs: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        """The outputs and the final state; `tensors` are the initial state and what the loops read of the cell."""
        inputs = inputs.contiguous()
        steps, batch, _ = inputs.shape
        states = len(binding.program.schedule.state_names)
        activations = Activations(binding, steps, batch)
        activations.set_initial_state(tensors[:states])
        ranges = batch_ranges(batch, steps * batch * binding.multiply_adds, threads)
        _run_forward(binding, inputs, activations, noise, tensors[states:], ranges)
        ctx.binding, ctx.hook, ctx.ranges, ctx.noise = binding, hook, ranges, noise
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, activations.block, *tensors[states:])
        return activations.outputs(), *activations.final_state()

    @staticmethod
    def backward(ctx: Any, outputs: Tensor | None, *final: Tensor | None) -> tuple[Any, ...]:
        """The gradients of the arguments of `forward`, from those of its results."""
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph=True: the gradients of backend=fused have none; use backend=eager")
        inputs, block, *tensors = ctx.saved_tensors
        steps, batch, _ = inputs.shape
        wants_input, wants_state = ctx.needs_input_grad[4], ctx.needs_input_grad[5 : 5 + len(final)]
        gradients = Gradients(ctx.binding, inputs, wants_input, len(ctx.ranges))
        gradients.set_upstream(outputs, final)
        activations = Activations(ctx.binding, steps, batch, block)
        _run_backward(inputs, activations, ctx.noise, tensors, gradients, ctx.ranges, wants_input)
        if ctx.hook is not None:
            for index, gradient in enumerate(gradients.of_states()):
                ctx.hook(index, 0, gradient[1:])
        of_state = (gradients.of_initial_state(index) if wanted else None for index, wanted in enumerate(wants_state))
        of_inputs = gradients.inputs if wants_input else None
        return (None, None, None, None, of_inputs, *of_state, *gradients.of_tensors(tensors))


def _run_forward(
    binding: Binding,
    inputs: Tensor,
    activations: Activations,
    noise: Sequence[Tensor],
    tensors: Sequence[Tensor],
    ranges: list[BatchRange],
) -> None:
    program = binding.program
    loop = compiled(program.source, program.real).forward
    steps, batch, _ = inputs.shape
    known = _arrays_read(binding, inputs, activations, noise, tensors)
    arrays = [known[key] for key in binding.forward_keys]

    def run(_: int, start: int, stop: int) -> None:
        loop(steps, batch, start, stop, *program.sizes, *arrays)

    run_on_threads(run, ranges)


def _run_backward(
    inputs: Tensor,
    activations: Activations,
    noise: Sequence[Tensor],
    tensors: Sequence[Tensor],
    gradients: Gradients,
    ranges: list[BatchRange],
    wants_input: bool,
) -> None:
    binding, program = gradients.binding, gradients.binding.program
    loop = compiled(program.source, program.real).backward
    steps, batch, _ = inputs.shape
    known = _arrays_read(binding, inputs, activations, noise, tensors)
    by_thread = [{**known, **gradients.arrays(thread)} for thread in range(len(ranges))]
    arrays = [[found[key] for key in binding.backward_keys] for found in by_thread]

    def run(thread: int, start: int, stop: int) -> None:
        chunk = max(1, CHUNK_ROWS // (stop - start))
        loop(steps, batch, start, stop, *program.sizes, chunk, int(wants_input), *arrays[thread])

    run_on_threads(run, ranges)


def _arrays_read(
    binding: Binding, inputs: Tensor, activations: Activations, noise: Sequence[Tensor], tensors: Sequence[Tensor]
) -> Arrays:
    """The arrays that both loops take, by their roles."""
    found = {("input", 0): flat(inputs), **activations.arrays, **binding.arrays(tensors, inputs.shape[1])}
    return found | {key: flat(numbers) for key, numbers in zip(binding.noise_keys, noise, strict=True)}
