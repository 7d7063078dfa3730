"""Running the compiled loops as one node of autograd's graph."""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnnbench.backends.backend import StateHook
from rnnbench.backends.fused.ir.nodes import Noise
from rnnbench.backends.fused.runtime.batch_threads import run_on_threads
from rnnbench.backends.fused.runtime.binding import Binding, Plan
from rnnbench.backends.fused.runtime.compile import compiled
from rnnbench.backends.fused.runtime.memory import borrowed
from rnnbench.cells import Cell, State

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
    binding: Binding, cell: Cell, inputs: Tensor, state: State | None, hook: StateHook | None, threads: int
) -> tuple[Tensor, State]:
    """The outputs (time, batch, hidden) and the final state, for at least one step and one example.

    Without a state it begins at zero.
    """
    tensors = binding.tensors(cell)
    plan = binding.plan(inputs.shape[0], inputs.shape[1], threads)
    noise = draw_noise(binding.noise, inputs.shape[0], inputs.shape[1], binding.dtype) if binding.noise else []
    given = () if state is None else state
    if hook is not None and not any(tensor.requires_grad for tensor in (inputs, *given, *tensors)):
        # Nothing is trained, and the hook is to be called all the same.
        h, *others = given or cell.initial_state(inputs.shape[1])
        given = (h.clone().requires_grad_(), *others)
    if torch.is_grad_enabled():
        results = _FusedLoops.apply(  # type: ignore[no-untyped-call]
            plan, hook, noise, len(given), inputs, *given, *tensors
        )
    else:
        results, *_ = _forward(plan, noise, inputs.contiguous(), given, tensors)
    return results[0], results[1:]


def _forward(
    plan: Plan, noise: list[Tensor], inputs: Tensor, state: Sequence[Tensor], tensors: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], Tensor, list[NDArray[Any]]]:
    """The outputs and the final state; the block they lie in, and the arrays that the backward pass reads besides."""
    binding, block = plan.binding, plan.activations.block()
    # Held for the backward pass beside the tensors, which autograd watches for changes in place.
    read = [*map(_flat, noise), *binding.read(tensors, inputs.shape[1])]
    arguments = _arguments(plan, inputs, block, read)
    states = [array.reshape(shape) for array, shape in zip(arguments[1:], plan.state_shapes, strict=False)]
    for rows, initial in zip_longest(states, state):
        rows[0] = 0 if initial is None else initial.detach().numpy()
    loop = compiled(binding.program.source, binding.program.real).forward
    run_on_threads(loop, [(*sizes, *arguments) for sizes in plan.forward_sizes])
    # h is a view of the block, so that autograd notices a change in place
    outputs = block.as_strided(*plan.outputs)
    return (outputs, *(torch.from_numpy(rows[-1].copy()) for rows in states)), block, read


def _arguments(plan: Plan, inputs: Tensor, block: Tensor, read: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """The arrays of the forward loop, as `Layout.forward_arguments` has them: `read` begins with the noise."""
    arrays, noise = plan.activations.arrays(block), len(plan.binding.noise)
    if not noise:
        return [_flat(inputs), *arrays, *read]
    states = len(plan.state_shapes)
    return [_flat(inputs), *arrays[:states], *read[:noise], *arrays[states:], *read[noise:]]


class _FusedLoops(torch.autograd.Function):
    """The cell over a sequence: the forward loop, and the backward loop for the gradients of all that it reads."""

    @staticmethod
    def forward(
        ctx: Any, plan: Plan, hook: StateHook | None, noise: list[Tensor], states: int, inputs: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        """The outputs and the final state; `tensors` are the `states` of the initial state, where it is given, and what
        the loops read of the cell.
        """
        inputs = inputs.contiguous()
        results, block, ctx.read = _forward(plan, noise, inputs, tensors[:states], tensors[states:])
        ctx.plan, ctx.hook, ctx.states = plan, hook, states
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(inputs, block, *tensors[states:])
        return results

    @staticmethod
    def backward(ctx: Any, outputs: Tensor | None, *final: Tensor | None) -> tuple[Any, ...]:
        """The gradients of the arguments of `forward`, from those of its results."""
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph=True: the gradients of backend=fused have none; use backend=eager")
        plan: Plan = ctx.plan
        binding, (inputs, block, *_) = plan.binding, ctx.saved_tensors
        wants_input, wants_state = ctx.needs_input_grad[4], ctx.needs_input_grad[5 : 5 + ctx.states]
        input_gradient = inputs
        if wants_input or binding.touches_input:
            input_gradient = borrowed(inputs.numel(), binding.dtype).view(inputs.shape)
        kept = 1 if ctx.hook is None and outputs is None else -1  # the bits of a step's number that are its place
        layout = plan.final_gradients if kept == 1 else plan.state_gradients
        arrays = layout.arrays(layout.block())
        states = [array.reshape(-1, *shape[1:]) for array, shape in zip(arrays, plan.state_shapes, strict=True)]
        _begin(states, len(inputs) & kept, outputs, final)
        given = _arguments(plan, inputs, block, ctx.read)
        given[len(given) - binding.sums :] = [_flat(input_gradient), *arrays]  # the sums of biases are not read
        parts = [plan.accumulated.arrays(plan.accumulated.block().zero_()) for _ in plan.backward_sizes]
        loop = compiled(binding.program.source, binding.program.real).backward
        pairs = zip(plan.backward_sizes, parts, strict=True)
        flags = kept, int(wants_input)
        run_on_threads(loop, [(*sizes, *flags, *given, *part) for sizes, part in pairs])
        if ctx.hook is not None:
            for index, gradients in enumerate(states):
                ctx.hook(index, 0, _after_each_step(gradients))
        accumulated = parts[0]
        for part in parts[1:]:
            for total, array in zip(accumulated, part, strict=True):
                total += array
        of_state = [_initial(each) if wanted else None for each, wanted in zip(states, wants_state, strict=False)]
        of_inputs = input_gradient if wants_input else None
        return (None, None, None, None, of_inputs, *of_state, *binding.gradients(accumulated))


def _begin(states: list[NDArray[Any]], end: int, outputs: Tensor | None, final: Sequence[Tensor | None]) -> None:
    """Write the gradients of the outputs and of the final state, at `end`, where the loop adds to them.

    None means zero.
    """
    h = states[0]
    if outputs is None:
        h[:-1] = 0
    else:
        h[0], h[1:-1] = 0, outputs[:-1].numpy()
    for gradients, last in zip(states, final, strict=True):
        gradients[end] = 0 if last is None else last.numpy()
    if outputs is not None:
        h[end] += outputs[-1].numpy()


def _after_each_step(gradients: NDArray[Any]) -> Tensor:
    """The gradients of a state after each step, (steps, batch, width)."""
    return torch.from_numpy(gradients[1:])


def _initial(gradients: NDArray[Any]) -> Tensor:
    """The gradient of the initial state, (batch, width)."""
    return torch.from_numpy(gradients[0].copy())


def _flat(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a contiguous tensor in order."""
    array: NDArray[Any] = tensor.detach().numpy().reshape(-1)
    return array
