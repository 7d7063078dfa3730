"""Backends: ways to run a cell over a sequence, and the choice among them."""

from rnnbench.backends.backend import Backend, StateTap
from rnnbench.backends.eager import Eager
from rnnbench.backends.fused import Fused
from rnnbench.backends.torch_nn import TorchNn
from rnnbench.cells import Cell

FASTEST_FIRST: tuple[Backend, ...] = (Fused(), TorchNn(), Eager())

__all__ = ["FASTEST_FIRST", "Backend", "Eager", "Fused", "StateTap", "TorchNn", "choose_backend"]


def choose_backend(cell: Cell, name: str = "auto") -> Backend:
    """The backend of that name, or for "auto" the fastest one that can run the cell.

    Raises ValueError, naming the cell and the remedy, when the named backend is unknown or refuses the cell.
    """
    if name == "auto":
        return next(backend for backend in FASTEST_FIRST if backend.refusal(cell) is None)
    for backend in FASTEST_FIRST:
        if backend.name == name:
            if reason := backend.refusal(cell):
                raise ValueError(f"backend={name}: cannot run {type(cell).__name__} ({reason}); use backend=eager")
            return backend
    known = ", ".join(["auto", *(backend.name for backend in FASTEST_FIRST)])
    raise ValueError(f"backend={name}: must be one of {known}")
