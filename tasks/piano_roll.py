"""Reads piano rolls, sequences of chords, from the two file formats in which the data sets are published."""

import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.tasks.data_file import data_file
from rnnbench.tasks.finite_task import Part

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
    file = data_file(path, WHERE)
    if file.suffix not in (".mat", ".json"):
        raise ValueError(f"path={path}: must end in .mat or .json; {WHERE}")
    try:
        rolls = _read_mat(file) if file.suffix == ".mat" else _read_json(file)
        _check(rolls)
    except ValueError as error:
        raise ValueError(f"path={path}: {error}; {WHERE}") from None
    return rolls


def _check(rolls: PianoRolls) -> None:
    for split, pieces in rolls.items():
        if not pieces:
            raise ValueError(f"its {split} split is empty")
        for number, piece in enumerate(pieces):
            if len(piece) < 2:
                raise ValueError(
                    f"piece {number} of its {split} split has {len(piece)} chords and must have at least 2"
                )


def _read_mat(file: Path) -> PianoRolls:
    from scipy.io import loadmat

    try:
        content = loadmat(file)
    except Exception as error:  # scipy raises almost anything on bytes that are no .mat file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"cannot be read as a .mat file ({reason})") from None
    if missing := [name for name in MAT_NAMES.values() if name not in content]:
        raise ValueError(f"has no {' or '.join(missing)}")
    return {split: [_piece(array, name) for array in content[name].flat] for split, name in MAT_NAMES.items()}


def _piece(array: Any, name: str) -> Tensor:
    shape: tuple[int, ...] = getattr(array, "shape", ())
    if len(shape) != 2 or shape[1] != KEYS:
        raise ValueError(f"{name} holds something of shape {shape}, not (time, {KEYS})")
    if array.dtype.kind not in "biuf" or not ((array == 0) | (array == 1)).all():
        raise ValueError(f"{name} holds values other than 0 and 1")
    return torch.tensor(array.astype("float32"))


def _read_json(file: Path) -> PianoRolls:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise ValueError(f"must hold an object with {', '.join(JSON_NAMES.values())}")
    if missing := [name for name in JSON_NAMES.values() if name not in content]:
        raise ValueError(f"has no {' or '.join(missing)}")
    for name in JSON_NAMES.values():
        if not isinstance(content[name], list):
            raise ValueError(f"{name} is no list of pieces")
    return {split: [_chords(piece, name) for piece in content[name]] for split, name in JSON_NAMES.items()}


def _chords(piece: Any, name: str) -> Tensor:
    if not isinstance(piece, list) or not all(isinstance(chord, list) for chord in piece):
        raise ValueError(f"{name} holds a piece that is no list of chords")
    roll = torch.zeros(len(piece), KEYS)
    for time, chord in enumerate(piece):
        for note in chord:
            if note == SILENCE:
                continue
            if not isinstance(note, int) or not LOWEST_NOTE <= note <= HIGHEST_NOTE:
                raise ValueError(f"{name} holds the note {note!r}, which must be from {LOWEST_NOTE} to {HIGHEST_NOTE}")
            roll[time, note - LOWEST_NOTE] = 1
    return roll
