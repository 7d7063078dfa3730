"""Independent streams of randomness, all from the run's seed."""

from dataclasses import dataclass, fields

import numpy as np
import torch


@dataclass(frozen=True)
class Streams:
    """One generator per purpose, so that no draw for one can move another.

    Runs with the same seed and task see the same training, held-out and probe data whatever the cell, which makes
    their scores comparable in pairs. Held-out examples come from streams that no training step touches.
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
