"""Layers of one cell and a linear readout."""

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnbench.backends import choose_backend
from rnnbench.cells import Cell
from rnnbench.model.initialisation import initialise_cell
from rnnbench.tasks import Batch

CPU = torch.device("cpu")

LayeredHook = Callable[[int, int, int, Tensor], None]
"""Called as hook(layer, state index, first step, gradients), gradients being (steps, batch, hidden)."""


class Model(nn.Module):
    """x -> cell -> ... -> cell -> linear readout. The softmax or other link is part of the task's loss.

    `make_cell(input_size, hidden_size)` builds one layer; `generator` draws every initial weight, the cells' by the
    named `initialisation` (see `initialise_cell`, also for `chrono_length` and `recurrent_gain`) and the readout's from
    U(-1/sqrt(hidden), 1/sqrt(hidden)), on the CPU whatever the device. torch's global generator is left untouched.
    `backend` runs the cells, on so many CPU `threads` (default: as many as torch's).
    """

    def __init__(
        self,
        make_cell: Callable[[int, int], Cell],
        *,
        input_size: int,
        output_size: int,
        hidden_size: int,
        layers: int = 1,
        backend: str = "auto",
        threads: int | None = None,
        initialisation: str = "default",
        chrono_length: int | None = None,
        recurrent_gain: float = 1.0,
        device: torch.device = CPU,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            cells = [make_cell(hidden_size if layer else input_size, hidden_size) for layer in range(layers)]
            self.readout = nn.Linear(hidden_size, output_size)
        self.cells: list[Cell] = cells
        self.layers = nn.ModuleList(cells)
        for cell in cells:
            initialise_cell(cell, initialisation, generator, chrono_length, recurrent_gain)
        bound = 1 / math.sqrt(hidden_size)
        for parameter in self.readout.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        self.to(device)
        self.backend = choose_backend(cells[0], backend, threads)

    def forward(
        self, inputs: Float[Tensor, "time batch input"], scored_steps: int, hook: LayeredHook | None = None
    ) -> Float[Tensor, "scored_time batch output"]:
        """The outputs of the last `scored_steps` steps, from zero initial states."""
        sequence = inputs
        for layer, cell in enumerate(self.cells):
            state = cell.initial_state(inputs.shape[1])
            layer_hook = None if hook is None else partial(hook, layer)
            sequence, _ = self.backend.run(cell, sequence, state, layer_hook)
        outputs: Tensor = self.readout(sequence[len(sequence) - scored_steps :])
        return outputs

    def predict(self, batch: Batch, hook: LayeredHook | None = None) -> Float[Tensor, "scored_time batch output"]:
        """The outputs of the steps that the batch has targets for."""
        outputs: Tensor = self(batch.inputs, len(batch.targets), hook)
        return outputs
