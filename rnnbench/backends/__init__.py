"""Backends: ways to run a cell over a sequence, and the choice among them.

`backend` is the base class, `eager` is the plain loop over the cell's `step`, `torch_nn` runs torch.nn's
kernels on the cell's weights, and `fused` compiles loops from `step`. In: a cell, inputs and an initial state. Out: h
after every step and the final state, differentiable, and on request the gradient with respect to every state.
"""

from collections.abc import Callable

import torch

from rnnbench.backends.backend import Backend, StateHook
from rnnbench.backends.eager import Eager
from rnnbench.backends.fused import Fused
from rnnbench.backends.torch_nn import TorchNn
from rnnbench.cells import Cell

FASTEST_FIRST: tuple[type[Backend], ...] = (Fused, TorchNn, Eager)
"""The order in which "auto" tries them."""

__all__ = [
    "FASTEST_FIRST",
    "Backend",
    "Eager",
    "Fused",
    "StateHook",
    "TorchNn",
    "backend_named",
    "choose_backend",
    "fallback_reason",
    "planned_backend",
]


def backend_named(name: str, threads: int | None = None, falls_back: bool = False) -> Backend:
    """The backend of that name with this number of CPU threads; None: torch's.

    Raises ValueError, naming the known ones, when there is none.
    """
    for backend in FASTEST_FIRST:
        if backend.name == name:
            return backend(torch.get_num_threads() if threads is None else threads, falls_back)
    known = ", ".join(["auto", *(backend.name for backend in FASTEST_FIRST)])
    raise ValueError(f"backend={name}: must be one of {known}")


def choose_backend(cell: Cell, name: str = "auto", threads: int | None = None) -> Backend:
    """The backend of that name, or for "auto" the fastest one that can run the cell and whose numbers are right.

    Raises ValueError, naming the cell and the remedy, when the named backend is unknown or cannot run the cell.
    """
    return _chosen(cell, name, threads, lambda backend: _reason_against(backend, cell))


def planned_backend(cell: Cell, name: str = "auto", threads: int | None = None) -> Backend:
    """The backend as found without running the cell, and so the same for all weights: what a run is named by.

    Raises ValueError as `choose_backend` does.
    """
    return _chosen(cell, name, threads, lambda backend: backend.unsupported_reason(cell))


def fallback_reason(cell: Cell, backend: Backend) -> str:
    """Why not the fastest backend but this one runs the cell as it is now, as a phrase; empty where the fastest does.

    The fastest itself has a reason where the cell has changed and goes to the plain loop.
    """
    return _reason_against(FASTEST_FIRST[0](backend.threads), cell) or ""


def _reason_against(backend: Backend, cell: Cell) -> str | None:
    return backend.unsupported_reason(cell) or backend.failed_check(cell)


def _chosen(cell: Cell, name: str, threads: int | None, against: Callable[[Backend], str | None]) -> Backend:
    if name == "auto":
        ranked = (backend_named(backend.name, threads, falls_back=True) for backend in FASTEST_FIRST)
        return next(backend for backend in ranked if against(backend) is None)
    backend = backend_named(name, threads)
    if reason := against(backend):
        raise ValueError(f"backend={name}: cannot run {type(cell).__name__} ({reason}); use eager or auto")
    return backend
