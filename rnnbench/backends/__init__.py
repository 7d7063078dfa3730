"""Backends: ways to run a cell over a sequence, and the choice among them.

`backend` is the base class, `eager` is the plain loop over the cell's `step`, `torch_nn` runs torch.nn's
kernels on the cell's weights, and `fused` compiles loops from `step`. In: a cell, inputs and an initial state. Out: h
after every step and the final state, differentiable, and on request the gradient with respect to every state.
"""

from rnnbench.backends.backend import Backend, CannotRunError, StateHook
from rnnbench.backends.eager import Eager
from rnnbench.backends.fused import Fused
from rnnbench.backends.torch_nn import TorchNn
from rnnbench.cells import Cell

FASTEST_FIRST: tuple[type[Backend], ...] = (Fused, TorchNn, Eager)
"""The order in which "auto" tries them."""

__all__ = [
    "FASTEST_FIRST",
    "Backend",
    "CannotRunError",
    "Eager",
    "Fused",
    "StateHook",
    "TorchNn",
    "backend_named",
    "choose_backend",
    "fallback_reason",
]


def backend_named(name: str, threads: int | None = None) -> Backend:
    """The backend of that name with this number of CPU threads; None: torch's.

    Raises ValueError, naming the known ones, when there is none.
    """
    for backend in FASTEST_FIRST:
        if backend.name == name:
            return backend() if threads is None else backend(threads)
    known = ", ".join(["auto", *(backend.name for backend in FASTEST_FIRST)])
    raise ValueError(f"backend={name}: must be one of {known}")


def choose_backend(cell: Cell, name: str = "auto", threads: int | None = None) -> Backend:
    """The backend of that name, or for "auto" the fastest one that can run the cell.

    Raises ValueError, naming the cell and the remedy, when the named backend is unknown or cannot run the cell.
    """
    if name == "auto":
        ranked = (backend_named(backend.name, threads) for backend in FASTEST_FIRST)
        return next(backend for backend in ranked if backend.unsupported_reason(cell) is None)
    backend = backend_named(name, threads)
    if reason := backend.unsupported_reason(cell):
        raise ValueError(f"backend={name}: cannot run {type(cell).__name__} ({reason}); use eager or auto")
    return backend


def fallback_reason(cell: Cell, backend: Backend) -> str:
    """Why "auto" takes this backend and not the fastest, as a phrase; empty where it is the fastest."""
    fastest = FASTEST_FIRST[0]
    return "" if isinstance(backend, fastest) else fastest(backend.threads).unsupported_reason(cell) or ""
