"""The backend: which cells it supports, how it runs them, and the source that it generates."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from rnnbench.backends.backend import Backend, CannotRunError, StateHook
from rnnbench.backends.eager import Eager
from rnnbench.backends.fused.codegen.generate import generate
from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.frontend.trace_guard import TraceGuard, tensors_of
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.backends.fused.ir.schedule import make_schedule
from rnnbench.backends.fused.runtime.binding import Binding
from rnnbench.cells import Cell, State

_REAL_NAMES = {torch.float32: "float32", torch.float64: "float64"}


@dataclass(frozen=True)
class Fused(Backend):
    """Two loops per cell, forward and backward, generated from `step` and compiled by Numba; CPU, float32, float64."""

    name = "fused"

    @property
    def torch_threads(self) -> int:
        """One: the threads of torch's operations spin for a while after each, on the cores that the loops need."""
        return 1

    def unsupported_reason(self, cell: Cell) -> str | None:
        training = cell.training
        try:
            for mode in (not training, training):  # a step may be another one in evaluation
                binding = _binding(cell.train(mode))
                if isinstance(binding, str):
                    return binding
        finally:
            cell.train(training)
        return None

    def run(self, cell: Cell, inputs: Tensor, state: State, hook: StateHook | None = None) -> tuple[Tensor, State]:
        binding = _binding(cell)
        if isinstance(binding, str):
            raise _unsupported(cell, binding)
        _check(binding, inputs, state)
        if not inputs.numel():
            return Eager().run(cell, inputs, state, hook)
        from rnnbench.backends.fused.runtime.run import run_binding  # imports numba, which takes a while

        return run_binding(binding, cell, inputs, state, hook, self.threads)


_bindings: WeakKeyDictionary[Cell, dict[bool, tuple[TraceGuard, Binding | str]]] = WeakKeyDictionary()
"""The generated program of a cell, or the reason why there is none, and the guard that detects changes of the cell;
one for training and one for evaluation."""


def _binding(cell: Cell) -> Binding | str:
    """The cell's loops as source, or why there are none; made again when a setting of the cell has changed."""
    by_mode = _bindings.setdefault(cell, {})
    known = by_mode.get(cell.training)
    if known is None or not known[0].hold():
        known = by_mode[cell.training] = TraceGuard(cell), _bound(cell)
    return known[1]


def _unsupported(cell: Cell, reason: str) -> CannotRunError:
    return CannotRunError(f"backend=fused: cannot run {type(cell).__name__} ({reason}); use eager or auto")


def explain(cell: Cell) -> str:
    """The source that `backend=fused` compiles for a cell.

    Raises ValueError, naming what is not supported, when it cannot compile the cell.
    """
    binding = _bound(cell)
    if isinstance(binding, str):
        raise _unsupported(cell, binding)
    return binding.program.source


def _bound(cell: Cell) -> Binding | str:
    """A cell through all stages up to the source, or the reason why it cannot be compiled."""
    tensors = tensors_of(cell)
    numbers = [(name, tensor) for name, tensor in tensors if tensor.is_floating_point() or tensor.is_complex()]
    if not any(isinstance(tensor, nn.Parameter) for _, tensor in numbers):
        return "it has no parameters, or functional_call replaces them"
    dtype = numbers[0][1].dtype
    for name, tensor in numbers:
        if tensor.device.type != "cpu":
            return f"{name} is on {tensor.device}, not on the CPU"
        if tensor.dtype not in _REAL_NAMES or tensor.dtype != dtype:
            return f"{name} has dtype {tensor.dtype}; all must be float32, or all float64"
    guard = TraceGuard(cell)
    try:
        traced = trace(cell)
        if not guard.hold():
            guard.restore()
            return "step changes the cell's attributes"
        program = generate(make_schedule(traced.graph, cell.state_names), _REAL_NAMES[dtype])
        return Binding(program, traced.derived, cell)
    except UnsupportedStepError as error:
        return str(error)


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))


def _check(binding: Binding, inputs: Tensor, state: State) -> None:
    """Raise ValueError for inputs and states that would be computed otherwise than by the eager loop."""
    shapes = [(inputs.shape[1], width) for width in binding.state_widths]
    if inputs.shape[2] != binding.input_size:
        raise ValueError(f"inputs of width {inputs.shape[2]}: the cell takes input_size={binding.input_size}")
    found = [tuple(tensor.shape) for tensor in state]
    if found != shapes:
        raise ValueError(f"state of shapes {_listed(found)}: must be {_listed(shapes)}, each (batch, features)")
    for tensor in (inputs, *state):
        if tensor.dtype != binding.dtype or tensor.device.type != "cpu":
            raise CannotRunError(
                f"a tensor of {tensor.dtype} on {tensor.device}: backend=fused runs this cell in {binding.dtype} on cpu"
            )
    if torch.is_autocast_enabled("cpu"):
        raise CannotRunError("autocast: backend=fused computes in the parameters' dtype; use backend=eager")
