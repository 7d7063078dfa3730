"""Polyphonic music: predict the next chord of a piece from all chords before it.

A chord is the set of the 88 piano keys that sound. At every step the input is a chord and the outputs are 88 logits,
one per key, of its sounding in the next chord, independently of the others given the past. The loss is the negative
log-likelihood in nats, summed over the keys and averaged over the real steps; weight examples by `Batch.weights` for
the mean over all steps of a split, which is the number that papers print. Training goes through the pieces in shuffled
epochs, evaluation through a whole split as given; padding is masked.

Source: Boulanger-Lewandowski et al. (2012), who share JSB Chorales, Nottingham, MuseData and Piano-midi, and Chung et
al. (2014). Shapes: inputs and targets (longest piece - 1, batch, 88), target t being input t + 1. The memoryless
baseline predicts each key with the fraction of training steps at which it sounds: its loss is the sum of the 88
entropies. It is the training split's; on a held-out piece its loss may be higher. Others differ: the first chord, which
nothing precedes, is not predicted here but is by Boulanger-Lewandowski et al.; the TCN's code averages over pieces in
training.

Solved: never; the literature has no criterion and compares likelihoods. An example counts as correct when every chord
of the piece is predicted exactly.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from rnnbench.tasks.finite_task import FiniteTask, Part
from rnnbench.tasks.piano_roll import KEYS, read_piano_rolls
from rnnbench.tasks.task import Batch

LEAST_PROBABILITY = 1e-12
"""Of a key that never sounds in training (or never stops): were it impossible, one such note would cost an infinity."""


class PolyphonicMusic(FiniteTask):
    """Polyphonic music from the piano-roll file at `path`; another file is another difficulty."""

    input_size = KEYS
    output_size = KEYS
    difficulty = "path"
    solved_error_rate = 0.0

    def __init__(self, path: str | Path | None = None) -> None:
        self._pieces = read_piano_rolls(path)

    @property
    def baseline_loss(self) -> float:
        fraction = self._key_fractions
        return float(torch.special.entr(fraction).sum() + torch.special.entr(1 - fraction).sum())

    @property
    def _key_fractions(self) -> Float[Tensor, " 88"]:
        """The fraction of training steps at which each key sounds."""
        return torch.cat([piece[1:] for piece in self._pieces["training"]]).double().mean(0)

    def baseline_outputs(self, batch: Batch) -> Tensor:
        logits = torch.logit(self._key_fractions, eps=LEAST_PROBABILITY).to(batch.targets)
        return logits.expand(batch.targets.shape)

    def split_size(self, split: Part) -> int:
        return len(self._pieces[split])

    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        pieces = [self._pieces[split][index] for index in chosen]
        lengths = torch.tensor([len(piece) - 1 for piece in pieces])
        inputs = pad_sequence([piece[:-1] for piece in pieces])
        targets = pad_sequence([piece[1:] for piece in pieces])
        return Batch(inputs, targets, torch.arange(len(inputs)).unsqueeze(1) < lengths, lengths)

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs), reduction="none").sum(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.at_every_scored_step(((outputs > 0) == (batch.targets > 0)).all(2))
