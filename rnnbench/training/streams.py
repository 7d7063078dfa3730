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

    @classmethod
    def from_seed(cls, seed: int) -> "Streams":
        """The streams of a seed (0 or more), by numpy's SeedSequence."""
        children = np.random.SeedSequence(seed).spawn(len(fields(cls)))
        return cls(*(torch.Generator().manual_seed(int(child.generate_state(1, np.uint64)[0])) for child in children))
