"""The hidden size that a parameter budget buys."""

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal

import torch

from rnnbench.cells import Cell
from rnnbench.cells.states import count_numbers

Counted = Literal["recurrent_layers", "all"]

TOLERANCE = 0.02
LARGEST_HIDDEN_SIZE = 2**20


def hidden_size_for(
    make_cell: Callable[[int, int], Cell],
    *,
    input_size: int,
    output_size: int,
    layers: int,
    budget: int,
    counted: Counted,
    embedding: int | None = None,
) -> int:
    """The hidden size whose parameter count is nearest to the budget, counted on the cell itself.

    Counted are the recurrent layers, as Chung et al. (2014) do, or these with the readout and the embedding. The count
    must grow with the hidden size. Raises ValueError when no hidden size comes within 2% of the budget.
    """

    features = input_size if embedding is None else embedding

    def count(hidden_size: int) -> int:
        with torch.device("meta"):
            cells = [make_cell(hidden_size if layer else features, hidden_size) for layer in range(layers)]
        recurrent = sum(count_numbers(cell.parameters()) for cell in cells)
        others = (hidden_size + 1) * output_size + (0 if embedding is None else input_size * embedding)
        return recurrent if counted == "recurrent_layers" else recurrent + others

    above = 1
    while count(above) < budget and above < LARGEST_HIDDEN_SIZE:
        above *= 2
    size = 1 + bisect_left(range(1, above), budget, key=count)
    nearest = min((max(size - 1, 1), size), key=lambda size: abs(count(size) - budget))
    if abs(count(nearest) - budget) > TOLERANCE * budget:
        raise ValueError(
            f"parameter_budget={budget}: no hidden size comes within 2% (hidden_size={nearest} has {count(nearest)}); "
            "choose a larger budget or set hidden_size"
        )
    return nearest
