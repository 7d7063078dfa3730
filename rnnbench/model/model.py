"""Layers of one cell and a linear readout."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from rnnbench.backends import FASTEST_FIRST, choose_backend, fallback_reason
from rnnbench.cells import Cell, State
from rnnbench.cells.states import check_initial_state
from rnnbench.model.initialisation import constructing, initialise_cell
from rnnbench.tasks import Batch

CPU = torch.device("cpu")

LayeredHook = Callable[[int, int, int, Tensor], None]
"""Called as hook(layer, state index, first step, gradients), gradients being (steps, batch, hidden)."""


class Model(nn.Module):
    """x -> cell -> ... -> cell -> linear readout. The softmax or other link is part of the task's loss.

    Tokens (time, batch) become vectors first: with `embedding` those of a learned torch.nn.Embedding of this many
    features, drawn from N(0, 1) as torch does, without it one-hot vectors of `input_size`, the vocabulary. Features
    (time, batch, input_size) go in as they are, and take no embedding.

    `make_cell(input_size, hidden_size)` builds one layer; `generator` draws every initial weight, the cells' by the
    named `initialisation` (see `initialise_cell`, also for `chrono_length`, `recurrent_gain` and `memory_bias`) and the
    readout's from U(-1/sqrt(hidden), 1/sqrt(hidden)), on the CPU whatever the device. What the cells' constructors draw
    comes from torch's global generator, seeded from `generator` meanwhile and left as it was.
    `backend` runs the cells, on this many CPU `threads` (default: as many as torch's).
    """

    def __init__(
        self,
        make_cell: Callable[[int, int], Cell],
        *,
        input_size: int,
        output_size: int,
        hidden_size: int,
        layers: int = 1,
        embedding: int | None = None,
        backend: str = "auto",
        threads: int | None = None,
        initialisation: str = "default",
        chrono_length: int | None = None,
        recurrent_gain: float = 1.0,
        memory_bias: float | None = None,
        device: torch.device = CPU,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        features = input_size if embedding is None else embedding
        with constructing(generator):
            cells = [make_cell(hidden_size if layer else features, hidden_size) for layer in range(layers)]
            self.embedding = None if embedding is None else nn.Embedding(input_size, embedding)
            self.readout = nn.Linear(hidden_size, output_size)
        self.cells: list[Cell] = cells
        self.layers = nn.ModuleList(cells)
        for cell in cells:
            initialise_cell(cell, initialisation, generator, chrono_length, recurrent_gain, memory_bias)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, generator=generator)
        bound = 1 / math.sqrt(hidden_size)
        for parameter in self.readout.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        self.to(device)
        for cell in cells:
            check_initial_state(cell)
        chosen = [choose_backend(cell, backend, threads) for cell in cells]
        self.backend = max(chosen, key=lambda each: FASTEST_FIRST.index(type(each)))
        self._is_auto = backend == "auto"

    @property
    def backend_reason(self) -> str:
        """Why "auto" takes no faster backend; empty where it takes the fastest, or where the backend was named."""
        reasons = (fallback_reason(cell, self.backend) for cell in self.cells) if self._is_auto else ()
        return next((reason for reason in reasons if reason), "")

    def forward(
        self, inputs: Shaped[Tensor, "time batch ..."], scored_steps: int | None = None, hook: LayeredHook | None = None
    ) -> Float[Tensor, "scored_time batch output"]:
        """The outputs of the last `scored_steps` steps, by default of all, from the initial states."""
        return self.advance(inputs, len(inputs) if scored_steps is None else scored_steps, hook=hook)[0]

    def advance(
        self,
        inputs: Shaped[Tensor, "time batch ..."],
        scored_steps: int,
        states: Sequence[State] | None = None,
        hook: LayeredHook | None = None,
    ) -> tuple[Float[Tensor, "scored_time batch output"], list[State]]:
        """The outputs of the last `scored_steps` steps, and every layer's final state.

        `states` are the layers' states before the first step, by default the initial ones.
        """
        sequence = self.embedded(inputs)
        final = []
        for layer, cell in enumerate(self.cells):
            state = None if states is None else states[layer]
            layer_hook = None if hook is None else partial(hook, layer)
            sequence, last = self.backend.run(cell, sequence, state, layer_hook)
            final.append(last)
        if scored_steps == 1:  # the gradient of a part of the sequence would first be written into zeros of the whole
            return self.readout(final[-1][0]).unsqueeze(0), final
        outputs: Tensor = self.readout(sequence[len(sequence) - scored_steps :])
        return outputs, final

    def embedded(self, inputs: Shaped[Tensor, "time batch ..."]) -> Float[Tensor, "time batch features"]:
        """The inputs of the lowest layer: tokens as vectors, features as they are."""
        if self.embedding is not None:
            embedded: Tensor = self.embedding(inputs)
            return embedded
        if inputs.is_floating_point():
            return inputs
        return nn.functional.one_hot(inputs, self.cells[0].input_size).to(self.readout.weight.dtype)

    def predict(self, batch: Batch, hook: LayeredHook | None = None) -> Float[Tensor, "scored_time batch output"]:
        """The outputs of the steps that the batch has targets for."""
        outputs: Tensor = self(batch.inputs, len(batch.targets), hook)
        return outputs
