"""A cell as a layer of one's own model."""

from jaxtyping import Float
from torch import Tensor, nn

from rnnbench.backends import choose_backend
from rnnbench.cells import Cell, State


class Recurrent(nn.Module):
    """A layer as `nn.GRU` is one: a cell run over a sequence by a backend, time first.

    `outputs, state = Recurrent(Gru(3, 64))(inputs)`. The weights are the cell's, as its constructor drew them from
    torch's global generator. `backend` is `auto`, `fused`, `torch` or `eager`, on so many CPU `threads` (default: as
    many as torch's). Raises ValueError for a backend that cannot run the cell.
    """

    def __init__(self, cell: Cell, backend: str = "auto", threads: int | None = None) -> None:
        super().__init__()
        self.cell = cell
        self.backend = choose_backend(cell, backend, threads)

    def forward(
        self, inputs: Float[Tensor, "time batch input"], state: State | None = None
    ) -> tuple[Float[Tensor, "time batch hidden"], State]:
        """h after every step, and the final state; from the cell's initial state where none is given."""
        start = self.cell.initial_state(inputs.shape[1]) if state is None else state
        return self.backend.run(self.cell, inputs, start)
