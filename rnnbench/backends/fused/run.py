"""Running the compiled loops as one node of autograd's graph."""

import operator
from typing import Any

import torch
from torch import Tensor

from rnnbench.backends.backend import StateTap
from rnnbench.backends.fused.buffers import Buffers
from rnnbench.backends.fused.compile import compiled
from rnnbench.backends.fused.generate import Program
from rnnbench.backends.fused.slices import over_slices, slices
from rnnbench.cells import Cell, State

CHUNK_ROWS = 96
"""Rows of gradients gathered before they are multiplied into the weights' gradients: enough to keep a tile busy, few
enough to stay in the cache."""


def run_program(
    program: Program, cell: Cell, inputs: Tensor, state: State, tap: StateTap | None
) -> tuple[Tensor, State]:
    """The outputs (time, batch, hidden) and the final state; at least one step and one example."""
    tensors = cell_tensors(program, cell)
    outputs, *final = _Sequence.apply(program, tap, tuple(tensors), inputs, *state, *tensors.values())  # type: ignore[no-untyped-call]
    return outputs, tuple(final)


def cell_tensors(program: Program, cell: Cell) -> dict[str, Tensor]:
    """Every tensor of the cell that the program reads, once, by its path."""
    nodes = program.plan.graph.nodes
    tensors: dict[str, Tensor] = {}
    for linear in program.plan.linears:
        path = nodes[linear].path
        module: Any = cell.get_submodule(path)
        tensors[f"{path}.weight"] = module.weight
        if module.bias is not None:
            tensors[f"{path}.bias"] = module.bias
    for parameter in program.plan.parameters:
        path = nodes[parameter].path
        tensors[path] = operator.attrgetter(path)(cell)
    return tensors


class _Sequence(torch.autograd.Function):
    """The cell over a sequence: the loop forward, and the loop back for the gradients of all it has read."""

    @staticmethod
    def forward(
        ctx: Any, program: Program, tap: StateTap | None, paths: tuple[str, ...], inputs: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        count = len(program.plan.state_names)
        buffers = Buffers(program, inputs.contiguous(), dict(zip(paths, tensors[count:], strict=True)))
        buffers.begin_states(tensors[:count])
        arguments = [buffers.array(argument) for argument in program.forward]
        loop = compiled(program.source, program.real).forward
        sizes = (buffers.steps, buffers.batch)
        over_slices(
            lambda index, first, last: loop(*sizes, first, last, *program.widths, *arguments), slices(buffers.batch)
        )
        ctx.program, ctx.tap, ctx.paths = program, tap, paths
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(buffers.inputs, *buffers.states, *buffers.sequences, *buffers.tensors.values())
        return buffers.states[0][1:], *(states[-1].clone() for states in buffers.states)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *final: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph=True: the gradients of backend=fused have none; use backend=eager")
        program: Program = ctx.program
        plan = program.plan
        inputs, *saved = ctx.saved_tensors
        count, kept = len(plan.state_names), len(plan.state_names) + len(plan.sequences)
        buffers = Buffers(program, inputs, dict(zip(ctx.paths, saved[kept:], strict=True)))
        buffers.states, buffers.sequences = saved[:count], saved[count:kept]
        parts = slices(buffers.batch)
        wants_input = ctx.needs_input_grad[3]
        buffers.begin_gradients(upstream, final, len(parts), wants_input)
        _run_backward(buffers, parts, wants_input)
        if ctx.tap is not None:
            for index, gradients in enumerate(buffers.state_gradients):
                ctx.tap(index, 0, gradients[1:])
        return (
            None, None, None,
            buffers.input_gradient if wants_input else None,
            *(gradients[0].clone() for gradients in buffers.state_gradients),
            *buffers.tensor_gradients(),
        )  # fmt: skip


def _run_backward(buffers: Buffers, parts: list[tuple[int, int]], wants_input: bool) -> None:
    program = buffers.program
    loop = compiled(program.source, program.real).backward
    arguments = [[buffers.array(argument, index) for argument in program.backward] for index in range(len(parts))]

    def run(index: int, first: int, last: int) -> None:
        chunk = max(1, CHUNK_ROWS // (last - first))
        sizes = (buffers.steps, buffers.batch, first, last, *program.widths, chunk, wants_input)
        loop(*sizes, *arguments[index])

    over_slices(run, parts)
