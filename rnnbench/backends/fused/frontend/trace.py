"""From a cell's `step` to a graph: it is recorded on random numbers, and the recorded functions are lowered."""

import gc
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, fx

from rnnbench.backends.fused.frontend.cell_state import generators_kept, hooked, tensors_kept, tensors_of
from rnnbench.backends.fused.frontend.invariants import Derived, dtype_of
from rnnbench.backends.fused.frontend.lower import Lowering
from rnnbench.backends.fused.frontend.record import Recorder
from rnnbench.backends.fused.frontend.source_lines import line_in, line_of_function, located
from rnnbench.backends.fused.frontend.trace_guard import TraceGuard
from rnnbench.backends.fused.frontend.values import Batch
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.backends.fused.ir.nodes import Linear, Parameter
from rnnbench.cells import Cell
from rnnbench.cells.cell import check_is_state


def trace(cell: Cell, guard: TraceGuard | None = None) -> tuple[Graph, Derived]:
    """The graph of a cell's step, and the tensors that it reads without the cell having them.

    Raises UnsupportedStepError, naming the operation and its line, for anything but products with matrices of the cell,
    elementwise arithmetic and the functions of `lowerings`.
    """
    if reason := hooked(cell):
        raise UnsupportedStepError(reason)
    with generators_kept(), tensors_kept(cell):
        widths = _widths_of_states(cell)
        lowered = Lowering(_recorded(cell, widths, (guard or TraceGuard(cell)).held), cell, widths)
    graph = lowered.graph
    linears = [graph.at(position, Linear) for position in graph.positions(Linear)]
    paths = [path for linear in linears for path in (linear.weight, linear.bias)]
    paths += [graph.at(position, Parameter).path for position in graph.positions(Parameter)]
    return graph, lowered.invariants.functions(paths)


def _widths_of_states(cell: Cell) -> tuple[int, ...]:
    """The widths of the tensors of a cell's state.

    Raises UnsupportedStepError where one is not (batch, width) or not real.
    """
    widths = []
    if len({*cell.state_names}) != len(cell.state_names):
        raise UnsupportedStepError(f"state_names={cell.state_names!r}: the names must differ")
    with torch.no_grad():
        initial = cell.initial_state(2)
    for name, tensor in zip(cell.state_names, initial, strict=True):
        if tensor.dim() != 2 or tensor.shape[0] != 2 or not tensor.shape[1]:
            shape = ", ".join(["batch", *map(str, tensor.shape[1:])])
            raise UnsupportedStepError(f"the state tensor {name} is ({shape}), not (batch, features)")
        if not tensor.is_floating_point():
            raise UnsupportedStepError(f"the state tensor {name} has dtype {tensor.dtype}; write real tensors")
        widths.append(tensor.shape[1])
    if widths[0] != cell.hidden_size:
        raise UnsupportedStepError(f"h has {widths[0]} features, not hidden_size={cell.hidden_size}")
    return tuple(widths)


def _recorded(cell: Cell, widths: tuple[int, ...], held: dict[int, Tensor]) -> Recorder:
    """The step as it is recorded with some number of examples.

    It is recorded again with another number, and must be the same: else it depends on something besides its arguments
    and the cell.
    """
    sizes = {size for _, tensor in tensors_of(cell) for size in tensor.shape} | {cell.input_size, *widths}
    first, second = (_record(cell, widths, held, batch) for batch in [size for size in _SIZES if size not in sizes][:2])
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        pairs = itertools.zip_longest(first.graph.nodes, second.graph.nodes)
        for one, other in pairs:
            if one is None or other is None or _described(one) != _described(other):
                line = first.lines.get(one) if one is not None and one.op != "output" else second.lines.get(other)
                raise UnsupportedStepError(located(_DIFFERS, line))
    return first


_DIFFERS = (
    "a step that is another at the next call or with another number of examples (a counter, random numbers of Python "
    "or NumPy, a size); keep what changes as a tensor of the state, write torch.rand_like(h)"
)
_SIZES = (23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131)
"""Numbers of examples, of which two are no other size in the cell; primes, so that they are no products of such."""


def _described(node: fx.Node) -> str:
    return f"{node.op} {node.target} {node.args} {node.kwargs}"


def _record(cell: Cell, widths: tuple[int, ...], held: dict[int, Tensor], batch: int) -> Recorder:
    given = {id(tensor): (path, tensor) for path, tensor in reversed(tensors_of(cell))}
    recorder = Recorder(given, held, Batch(batch))
    dtype = dtype_of(cell)
    x = recorder.argument("x", cell.input_size, dtype)
    state = tuple(recorder.argument(f"state_{index}", width, dtype) for index, width in enumerate(widths))
    try:
        with _like_the_plain_loop(), recorder:
            results = cell.step(x, state)
            is_enabled = torch.is_grad_enabled()
    except Exception as error:
        if recorder.problem or isinstance(error, UnsupportedStepError):
            raise recorder.problem or UnsupportedStepError(located(str(error), line_in(error.__traceback__))) from error
        words = re.sub(rf"(?<!\d){batch}(?!\d)", "batch", str(error).strip())
        reason = f"{type(error).__name__}: {words}".splitlines()[0].replace("; ", ", ")
        raise UnsupportedStepError(located(reason, line_in(error.__traceback__))) from error
    if recorder.problem:
        raise recorder.problem
    if not is_enabled:
        raise UnsupportedStepError("step leaves gradients switched off; write with torch.no_grad():")
    check_is_state(cell.step, results, len(cell.state_names))
    for result in results:
        if not isinstance(result, Tensor):
            raise UnsupportedStepError(f"step returns {result!r} as a state tensor")
    recorder.finish(list(results), line_of_function(cell.step))
    return recorder


@contextmanager
def _like_the_plain_loop() -> Iterator[None]:
    """Gradients are on and torch.compile is off, whatever the caller has set.

    Garbage is collected later: a finalizer of tensors that the step knows nothing of would be recorded as part of it.
    """
    with ExitStack() as stack:
        if gc.isenabled():
            gc.disable()
            stack.callback(gc.enable)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast("cpu", enabled=False))
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield
