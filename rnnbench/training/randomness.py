"""Randomness: a generator for each purpose, all from the run's seed; what training draws; and what no seed reaches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from rnnbench.backends import Eager
from rnnbench.model import Model
from rnnbench.tasks import Batch

EVALUATION_SEED = 0
"""The seed of torch's global generators in every evaluation and measurement."""

CHECKED_STEPS, CHECKED_EXAMPLES = 3, 4
"""On how much of a batch `unseeded_randomness` compares outputs."""


@dataclass(frozen=True)
class Streams:
    """One generator per purpose, so that no draw for one can move another.

    Runs with the same seed and task see the same training, held-out and probe data whatever the cell, which makes
    their scores comparable in pairs.
    """

    weights: torch.Generator
    training: torch.Generator
    validation: torch.Generator
    test: torch.Generator
    probes: torch.Generator
    confirmation: torch.Generator
    """Only its seed is used, by `confirmation_attempt`."""
    noise: torch.Generator
    """Only its seed is used: that of torch's global generators in training, from which dropout and the like draw."""
    weight_noise: torch.Generator
    lengths: torch.Generator
    """Only its seed is used, by `other_length`."""

    @classmethod
    def from_seed(cls, seed: int) -> "Streams":
        """The streams of a seed (0 or more), by numpy's SeedSequence."""
        children = np.random.SeedSequence(seed).spawn(len(fields(cls)))
        return cls(*map(_generator, children))

    def confirmation_attempt(self, attempt: int) -> torch.Generator:
        """The stream of the n-th attempt to confirm that the task is solved, the same after a resume."""
        return _generator(np.random.SeedSequence([self.confirmation.initial_seed() % 2**64, attempt]))

    def other_length(self, length: int) -> torch.Generator:
        """The stream of the test data of another length than the trained one."""
        return _generator(np.random.SeedSequence([self.lengths.initial_seed() % 2**64, length]))


def _generator(sequence: np.random.SeedSequence) -> torch.Generator:
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0]))


class Noise:
    """What training draws: the model from torch's generators, and Gaussian noise of a deviation on every parameter."""

    def __init__(self, streams: Streams, device: torch.device, deviation: float = 0.0) -> None:
        self.weights = streams.weight_noise
        self.device = device
        self.deviation = deviation

    def on_weights(self, model: nn.Module) -> AbstractContextManager[None]:
        """Noise on every parameter, drawn anew, as Graves (2011) and Chung et al. (2014); then they are as before."""
        return self._drawn_on(list(model.parameters())) if self.deviation else nullcontext()

    @contextmanager
    def _drawn_on(self, noisy: Sequence[nn.Parameter]) -> Iterator[None]:
        clean = [parameter.detach().clone() for parameter in noisy]
        with torch.no_grad():
            for parameter in noisy:
                drawn = torch.randn(parameter.shape, dtype=parameter.dtype, generator=self.weights)
                parameter.add_(drawn.to(parameter.device), alpha=self.deviation)
        yield
        with torch.no_grad():
            for parameter, before in zip(noisy, clean, strict=True):
                parameter.copy_(before)

    def state(self) -> dict[str, Tensor]:
        """The states of the generators, for a checkpoint."""
        states = {"cpu": torch.get_rng_state(), "weights": self.weights.get_state()}
        return states | ({"cuda": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {})

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Put the generators back."""
        torch.set_rng_state(states["cpu"])
        self.weights.set_state(states["weights"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self.device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's global generators of the CPU and the device from this seed; afterwards they are as they were before."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed looks for every kind of device and is slow
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, and global generators of its own, so that training draws what it would without."""
    training = model.training
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    model.eval()
    try:
        with seeded(EVALUATION_SEED, device):
            yield
    finally:
        model.train(training)


@torch.no_grad()
def unseeded_randomness(model: Model, batch: Batch) -> str:
    """Where the model's outputs depend on more than its weights, inputs and torch's global generators; "" where not.

    Compared are outputs of a few steps and examples, of the plain loop over each cell's `step`.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    training = model.training

    def outputs(mode: bool, seed: int) -> Tensor:
        model.train(mode)
        sequence = model.embedded(batch.inputs[:CHECKED_STEPS, :CHECKED_EXAMPLES])
        with seeded(seed, batch.inputs.device):
            for cell in model.cells:
                sequence, _ = Eager().run(cell, sequence, cell.initial_state(sequence.shape[1]))
            result: Tensor = model.readout(sequence)
        model.train(training)
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
        return result.nan_to_num()

    for mode, where in ((True, "training"), (False, "evaluation")):
        if not torch.equal(outputs(mode, 0), outputs(mode, 0)):
            return f"two passes from the same seed differ in {where}"
    return "" if torch.equal(outputs(False, 0), outputs(False, 1)) else "it draws random numbers in evaluation as well"
