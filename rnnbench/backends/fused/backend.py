"""The backend: which cells it supports, how it runs them, and the source that it generates."""

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from weakref import finalize

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from rnnbench.backends.backend import Backend, StateHook
from rnnbench.backends.eager import Eager
from rnnbench.backends.fused.check import failed_check
from rnnbench.backends.fused.codegen.generate import generate
from rnnbench.backends.fused.frontend.cell_state import tensors_of
from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.frontend.trace_guard import TraceGuard
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.backends.fused.ir.schedule import make_schedule
from rnnbench.backends.fused.runtime.binding import Binding
from rnnbench.cells import Cell, State


@cache
def _tell_compiling(kind: str) -> None:
    """Say so once, although a cell is compiled for each type that it computes in."""
    print(f"rnnbench: compiling {kind} (a few seconds, once per machine)", file=sys.stderr)


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
        return _reason(cell, lambda: _entry(cell).reason)

    def failed_check(self, cell: Cell) -> str | None:
        return _reason(cell, lambda: _checked(cell).wrong)

    def run(
        self, cell: Cell, inputs: Tensor, state: State | None = None, hook: StateHook | None = None
    ) -> tuple[Tensor, State]:
        if state is None and not _starts_at_zero(cell):
            state = cell.initial_state(inputs.shape[1])
        entry = _checked(cell)
        if entry.binding is None or entry.wrong is not None:
            if not self.falls_back:
                raise _unsupported(cell, entry.reason or entry.wrong or "")
            entry.warn(cell)
            return Eager().run(cell, inputs, state, hook)
        _check_shapes(entry.binding, inputs, state)
        reason = _cannot_take(entry.binding, inputs, state)
        if reason and not self.falls_back:
            raise ValueError(reason)
        if reason or not inputs.numel():
            return Eager().run(cell, inputs, state, hook)
        from rnnbench.backends.fused.runtime.run import run_binding  # imports numba, which takes a while

        return run_binding(entry.binding, cell, inputs, state, hook, self.threads)


class _Entry:
    """The loops of a cell as source, or why there are none, and the guard that detects changes of the cell."""

    def __init__(self, cell: Cell) -> None:
        self.guard = TraceGuard(cell)
        found = _bound(cell, self.guard)
        self.binding = found if isinstance(found, Binding) else None
        self.reason = found if isinstance(found, str) else None
        """Why there are no loops."""
        self.wrong: str | None = None
        """How the loops differ from the plain loop, once they have been compared."""
        self.is_checked = False
        self._has_warned = False

    def check(self, cell: Cell) -> None:
        """Compare the loops with the plain loop, once."""
        if self.binding is not None and not self.is_checked:
            self.is_checked = True
            from rnnbench.backends.fused.runtime.compile import is_kept  # imports numba, which takes a while

            if not is_kept(self.binding.program.source):
                _tell_compiling(type(cell).__name__)
            self.wrong = failed_check(cell, self.binding, self.guard)

    def warn(self, cell: Cell) -> None:
        """Say once that the plain loop runs."""
        if not self._has_warned:
            self._has_warned = True
            text = f"{type(cell).__name__} has changed and runs with backend=eager from now on"
            warnings.warn(f"{text}: {self.reason or self.wrong}", RuntimeWarning, stacklevel=3)


_entries: dict[int, dict[bool, _Entry]] = {}
"""By the id of a cell, one entry for training and one for evaluation."""


def _entry(cell: Cell) -> _Entry:
    """What is known of the cell in its mode; found again when what its step depends on has changed."""
    if id(cell) not in _entries:
        _entries[id(cell)] = {}
        finalize(cell, _entries.pop, id(cell)).atexit = False
    by_mode = _entries[id(cell)]
    known = by_mode.get(cell.training)
    if known is None or not known.guard.hold():
        known = by_mode[cell.training] = _Entry(cell)
    return known


def _checked(cell: Cell) -> _Entry:
    entry = _entry(cell)
    entry.check(cell)
    return entry


def _reason(cell: Cell, find: Callable[[], str | None]) -> str | None:
    """The first reason in the modes as they are or, for a step that is another one then, in the other mode."""
    if reason := find():
        return reason
    modes = [(vars(module), module.training) for module in cell.modules()]
    try:
        for attributes, _ in modes:
            attributes["training"] = not modes[0][1]
        return find()
    finally:
        for attributes, training in modes:
            attributes["training"] = training


def _unsupported(cell: Cell, reason: str) -> ValueError:
    return ValueError(f"backend=fused: cannot run {type(cell).__name__} ({reason}); use eager or auto")


def explain(cell: Cell) -> str:
    """The source that `backend=fused` compiles for a cell.

    Raises ValueError, naming what is not supported, when it cannot compile the cell.
    """
    binding = _bound(cell, TraceGuard(cell))
    if isinstance(binding, str):
        raise _unsupported(cell, binding)
    return binding.program.source


def _bound(cell: Cell, guard: TraceGuard) -> Binding | str:
    """A cell through all stages up to the source, or the reason why it cannot be compiled."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "NUMBA_DISABLE_JIT is set"
    if guard.problem is not None:
        return guard.problem
    tensors = tensors_of(cell)
    numbers = [(name, tensor) for name, tensor in tensors if tensor.is_floating_point() or tensor.is_complex()]
    if not any(isinstance(tensor, nn.Parameter) for _, tensor in numbers):
        return "it has no parameters"
    dtype = numbers[0][1].dtype
    for name, tensor in numbers:
        if tensor.device.type != "cpu":
            return f"{name} is on {tensor.device}, not on the CPU"
        if tensor.dtype not in _REAL_NAMES or tensor.dtype != dtype:
            return f"{name} has dtype {tensor.dtype}; all must be float32, or all float64"
    try:
        graph, derived = trace(cell, guard)
        if changed := guard.changed():
            return f"step changes {changed}; keep it as a tensor of the state"
        program = generate(make_schedule(graph, cell.state_names), _REAL_NAMES[dtype])
        return Binding(program, derived, cell)
    except UnsupportedStepError as error:
        return str(error)
    finally:
        guard.restore()


def _starts_at_zero(cell: Cell) -> bool:
    """Whether the initial state is that of `Cell`, which the loops write themselves."""
    kind, own = type(cell), vars(cell)
    is_inherited = kind.initial_state is Cell.initial_state and kind.zeros is Cell.zeros
    return is_inherited and "initial_state" not in own and "zeros" not in own


def _check_shapes(binding: Binding, inputs: Tensor, state: State | None) -> None:
    if inputs.shape[2] != binding.input_size:
        raise ValueError(f"inputs of width {inputs.shape[2]}: the cell takes input_size={binding.input_size}")
    if state is None:
        return
    shapes = [(inputs.shape[1], width) for width in binding.state_widths]
    found = [tuple(tensor.shape) for tensor in state]
    if found != shapes:
        is_state, must_be = (", ".join(map(str, each)) for each in (found, shapes))
        raise ValueError(f"state of shapes {is_state}: must be {must_be}, each (batch, features)")


def _cannot_take(binding: Binding, inputs: Tensor, state: State | None) -> str | None:
    """Why these tensors would be computed otherwise than by the plain loop, if they would."""
    for tensor in (inputs, *(state or ())):
        if type(tensor) not in (Tensor, nn.Parameter):
            return f"a {type(tensor).__name__}, which may compute otherwise than a tensor; use eager or auto"
        if tensor.dtype != binding.dtype or tensor.device.type != "cpu":
            where = f"{tensor.dtype} on {tensor.device}"
            return f"a tensor of {where}: backend=fused runs this cell in {binding.dtype} on cpu; use eager or auto"
    if forward_ad._current_level >= 0:  # without autograd the loops would lose the tangents without a word
        return "forward-mode differentiation, which backend=fused has not; use eager or auto"
    if torch.is_autocast_enabled("cpu"):
        return "autocast: backend=fused computes in the parameters' dtype; use eager or auto"
    return None
