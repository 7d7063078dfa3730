"""From a cell's `step` to a graph: it is recorded on random numbers."""

import gc
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor

from rnnbench.backends.fused.frontend.cell_state import generators_kept, tensors_kept, tensors_of
from rnnbench.backends.fused.frontend.invariants import Derived, dtype_of
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
    with generators_kept(), tensors_kept(cell):
        recorded = _recorded(cell, _widths_of_states(cell), (guard or TraceGuard(cell)).held)
    graph = recorded.lowering.graph
    linears = [graph.at(position, Linear) for position in graph.positions(Linear)]
    paths = [path for linear in linears for path in (linear.weight, linear.bias)]
    paths += [graph.at(position, Parameter).path for position in graph.positions(Parameter)]
    return graph, Derived(paths, recorded.givens, dtype_of(cell))


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
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        batches = [size for size in _SIZES if size not in sizes][:2]
        first, second = (_record(cell, widths, held, batch) for batch in batches)
    for one, other in itertools.zip_longest(first.calls, second.calls, fillvalue=(None, "")):
        if one[1] != other[1]:
            raise UnsupportedStepError(located(_DIFFERS, one[0] or other[0]))
    return first


_DIFFERS = (
    "a step that is another at the next call or with another number of examples (a counter, random numbers of Python "
    "or NumPy, a size); keep what changes as a tensor of the state, write torch.rand_like(h)"
)
_SIZES = (23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131)
"""Numbers of examples, of which two are no other size in the cell; primes, so that they are no products of such."""


def _record(cell: Cell, widths: tuple[int, ...], held: dict[int, Tensor], batch: int) -> Recorder:
    with _like_the_plain_loop():
        recorder = Recorder(cell, widths, held, Batch(batch))
    x, *state = recorder.arguments
    try:
        with _like_the_plain_loop(), recorder:
            results = cell.step(x, tuple(state))
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
