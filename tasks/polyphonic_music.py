"""Polyphonic music: predict the next chord of a piece from all chords before it.

A chord is the set of the 88 piano keys that sound. At every step the input is a chord and the outputs are 88 logits,
one per key, of its sounding in the next chord, independently of the others given the past. The loss is the negative
log-likelihood in nats, summed over the keys and averaged over the real steps; weight examples by `Batch.weights` for
the mean over all steps of a split, which is the number that papers print. Training goes through the pieces in shuffled
epochs, evaluation through a whole split as given; padding is masked.

Source: Boulanger-Lewandowski et al. (2012), who share JSB Chorales, Nottingham, MuseData and Piano-midi, and Chung et
al. (2014). Shapes: inputs and targets (longest piece - 1, batch, 88), target t being input t + 1. The best
constant predicts each key with the fraction of training steps at which it sounds: its loss is the sum of the 88
entropies. It is the training split's; on a held-out piece its loss may be higher. Others differ: the first chord, which
nothing precedes, is not predicted here but is by Boulanger-Lewandowski et al.; the TCN's code averages over pieces in
training.

Solved: there is no criterion; the literature compares likelihoods. An example counts as correct when every chord of the
piece is predicted exactly, which hardly any model does, so measured are, over the chords of all pieces:

- `frame_accuracy`, the accuracy that Boulanger-Lewandowski et al. print (Bay et al. 2009): TP / (TP + FP + FN), the
  true positives, false positives and false negatives of all keys of all chords summed first; a key is predicted to
  sound where its probability is above 1/2;
- `step_error_rate`, the fraction of chords with a wrong key.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from rnnbench.tasks.finite_task import FiniteTask, Part, read_file
from rnnbench.tasks.task import Batch, StepMeasure

KEYS = 88
NAMES: dict[Part, str] = {"training": "traindata", "validation": "validdata", "test": "testdata"}
WHERE = (
    "the four sets of Boulanger-Lewandowski et al. (2012) are shared as .mat files with the code of the TCN paper "
    "(Bai et al. 2018)"
)
LEAST_PROBABILITY = 1e-12
"""Of a key that never sounds in training (or never stops): were it impossible, one such note would cost an infinity."""


class PolyphonicMusic(FiniteTask):
    """Polyphonic music from the piano-roll file at `path`; another file is another difficulty.

    It is a .mat file of `traindata`, `validdata` and `testdata`, each an array of pieces, each a (time, 88) array of 0
    and 1, key 0 being MIDI note 21.
    """

    input_size = KEYS
    output_size = KEYS
    difficulty = "path"
    solved_error_rate = 0.0
    step_measures: ClassVar[Mapping[str, str]] = {
        "frame_accuracy": "TP / (TP + FP + FN) over all keys of all chords (Bay et al. 2009)",
        "step_error_rate": "fraction of chords with a wrong key",
    }

    def __init__(self, path: str | Path) -> None:
        self._pieces = read_file(path, _read, WHERE)

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

    def measure_steps(self, outputs: Tensor, batch: Batch) -> dict[str, StepMeasure]:
        predicted, sounds = outputs > 0, batch.targets > 0
        either = (predicted | sounds).sum(2).to(outputs)
        return {
            "frame_accuracy": StepMeasure((predicted & sounds).sum(2).to(outputs), either),
            "step_error_rate": StepMeasure((predicted != sounds).any(2).to(outputs)),
        }

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


def _read(file: Path) -> dict[Part, list[Float[Tensor, "_ 88"]]]:
    """The pieces of each split."""
    from scipy.io import loadmat

    content = loadmat(file)
    rolls = {split: [_piece(array) for array in content[name].flat] for split, name in NAMES.items()}
    for split, pieces in rolls.items():
        if not pieces or min(map(len, pieces)) < 2:
            raise ValueError(f"its {split} split must hold pieces, of at least 2 chords each")
    return rolls


def _piece(array: Any) -> Tensor:
    if array.ndim != 2 or array.shape[1] != KEYS or not ((array == 0) | (array == 1)).all():
        raise ValueError(f"a piece of shape {array.shape} must be (time, {KEYS}), of 0 and 1")
    return torch.tensor(array.astype("float32"))
