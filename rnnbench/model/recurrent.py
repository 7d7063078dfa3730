"""A cell as a layer of your own model."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnbench.backends import choose_backend
from rnnbench.cells import Cell, State


class Recurrent(nn.Module):
    """A layer as `nn.GRU` is one: a cell run over a sequence by a backend, time first.

    `outputs, state = Recurrent(Gru(3, 64))(inputs)`. The weights are the cell's, as its constructor drew them from
    torch's global generator. `backend` is `auto`, `fused`, `torch` or `eager`, on this many CPU `threads` (default: as
    many as torch's). `auto` is the fastest that can run the cell, and the plain loop where that one cannot run a call:
    under autocast, in another dtype, with weights given by `torch.func.functional_call`. torch.compile leaves the layer
    as it is. Raises ValueError for a backend that cannot run the cell.
    """

    def __init__(self, cell: Cell, backend: str = "auto", threads: int | None = None) -> None:
        super().__init__()
        self.cell = cell
        self.backend = choose_backend(cell, backend, threads)

    def forward(
        self, inputs: Float[Tensor, "time batch input"], state: State | None = None
    ) -> tuple[Float[Tensor, "time batch hidden"], State]:
        """h after every step, and the final state; from the cell's initial state where none is given.

        Raises ValueError for inputs that are not (time, batch, features), and a state that is not the cell's tensors.
        """
        if torch.compiler.is_compiling():  # a break in the graph
            return torch.compiler.disable(self._run)(inputs, state)  # type: ignore[no-any-return]
        return self._run(inputs, state)

    def _run(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        _check(self.cell, inputs, state)
        outputs, final = self.backend.run(self.cell, inputs, None if state is None else tuple(state))
        if outputs.untyped_storage().nbytes() > outputs.nbytes:  # a view of what the backward pass reads
            outputs = outputs.clone()
        return outputs, final


def _check(cell: Cell, inputs: Tensor, state: Any) -> None:
    if inputs.dim() != 3:
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape)}: must be (time, batch, features); inputs.unsqueeze(1) makes one "
            "example of a sequence (time, features)"
        )
    if inputs.shape[2] != cell.input_size:
        raise ValueError(f"inputs of width {inputs.shape[2]}: the cell takes input_size={cell.input_size}")
    if state is not None and not (isinstance(state, tuple | list) and len(state) == len(cell.state_names)):
        given = f"{len(state)} tensors" if isinstance(state, tuple | list) else f"a {type(state).__name__}"
        raise ValueError(f"state is {given}: must be a tuple of the cell's tensors, ({', '.join(cell.state_names)},)")
