"""Reads piano rolls, sequences of chords, from the two file formats in which the data sets are published."""

import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.tasks.finite_task import Part, read_file

KEYS = 88
LOWEST_NOTE = 21
HIGHEST_NOTE = LOWEST_NOTE + KEYS - 1
SILENCE = -1
MAT_NAMES: dict[Part, str] = {"training": "traindata", "validation": "validdata", "test": "testdata"}
JSON_NAMES: dict[Part, str] = {"training": "train", "validation": "valid", "test": "test"}
WHERE = (
    "the four sets of Boulanger-Lewandowski et al. (2012) are shared as .mat files with the code of the TCN paper "
    "(Bai et al. 2018) and JSB Chorales as .json in the JSB-Chorales-dataset repository"
)

PianoRolls = dict[Part, list[Float[Tensor, "_ 88"]]]


def read_piano_rolls(path: str | Path) -> PianoRolls:
    """The pieces of each split, key 0 being MIDI note 21.

    A .mat file holds `traindata`, `validdata` and `testdata`, each an array of pieces, each a (time, 88) array of 0 and
    1. A .json file holds `train`, `valid` and `test`, each a list of pieces, each a list of chords, each a list of MIDI
    notes from 21 to 108, where -1 is a silent voice.

    Raises ValueError with one line: what is wrong, and where such files can be downloaded.
    """
    return read_file(path, _read, WHERE)


def _read(file: Path) -> PianoRolls:
    if file.suffix not in (".mat", ".json"):
        raise ValueError("must end in .mat or .json")
    rolls = _read_mat(file) if file.suffix == ".mat" else _read_json(file)
    for split, pieces in rolls.items():
        if not pieces or min(map(len, pieces)) < 2:
            raise ValueError(f"its {split} split must hold pieces, of at least 2 chords each")
    return rolls


def _read_mat(file: Path) -> PianoRolls:
    from scipy.io import loadmat

    content = loadmat(file)
    return {split: [_piece(array) for array in content[name].flat] for split, name in MAT_NAMES.items()}


def _piece(array: Any) -> Tensor:
    if array.ndim != 2 or array.shape[1] != KEYS or not ((array == 0) | (array == 1)).all():
        raise ValueError(f"a piece of shape {array.shape} must be (time, {KEYS}), of 0 and 1")
    return torch.tensor(array.astype("float32"))


def _read_json(file: Path) -> PianoRolls:
    content = json.loads(file.read_text(encoding="utf-8"))
    return {split: [_chords(piece) for piece in content[name]] for split, name in JSON_NAMES.items()}


def _chords(piece: list[list[int]]) -> Tensor:
    roll = torch.zeros(len(piece), KEYS)
    for time, chord in enumerate(piece):
        for note in chord:
            if note == SILENCE:
                continue
            if not isinstance(note, int) or not LOWEST_NOTE <= note <= HIGHEST_NOTE:
                raise ValueError(f"note {note!r} must be from {LOWEST_NOTE} to {HIGHEST_NOTE}")
            roll[time, note - LOWEST_NOTE] = 1
    return roll
