"""Polyphonic music on small files written here."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from rnnbench.tasks.polyphonic_music import PolyphonicMusic

PIECES = {
    "train": [[[21], [22, 108], [], [21]], [[60], [60, 64]]],
    "valid": [[[21], [21], [22]]],
    "test": [[[108], [108]]],
}


def roll(piece: list[list[int]]) -> np.ndarray[Any, Any]:
    array = np.zeros((len(piece), 88))
    for time, chord in enumerate(piece):
        array[time, [note - 21 for note in chord]] = 1
    return array


def cell_array(pieces: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty((1, len(pieces)), dtype=object)
    for index, piece in enumerate(pieces):
        array[0, index] = piece
    return array


def write_mat(folder: Path, **changed: Any) -> Path:
    path = folder / "music.mat"
    content = {f"{split}data": cell_array([roll(piece) for piece in pieces]) for split, pieces in PIECES.items()}
    savemat(path, {name: value for name, value in {**content, **changed}.items() if value is not None})
    return path


def test_a_hand_checked_batch(tmp_path: Path) -> None:
    batch = PolyphonicMusic(write_mat(tmp_path)).examples("training", [1, 0])
    assert batch.lengths is not None
    assert batch.scored is not None
    assert batch.lengths.tolist() == [1, 3]
    assert batch.scored.tolist() == [[True, True], [False, True], [False, True]]
    assert batch.weights.tolist() == [1, 3]
    assert batch.inputs.shape == batch.targets.shape == (3, 2, 88)
    sounding = [[batch.inputs[t, n].nonzero().flatten().tolist() for t in range(3)] for n in range(2)]
    following = [[batch.targets[t, n].nonzero().flatten().tolist() for t in range(3)] for n in range(2)]
    assert sounding == [[[39], [], []], [[0], [1, 87], []]]
    assert following == [[[39, 43], [], []], [[1, 87], [], [0]]]


def test_loss_is_summed_over_keys_and_averaged_over_real_steps(tmp_path: Path) -> None:
    task = PolyphonicMusic(write_mat(tmp_path))
    batch = task.examples("training", [1, 0])
    outputs = torch.zeros(3, 2, 88, dtype=torch.float64)
    torch.testing.assert_close(task.losses(outputs, batch), torch.full((2,), 88 * math.log(2), dtype=torch.float64))
    outputs[:, :, 39] = math.log(3)
    # Key 39 sounds with chance 3/4: it costs ln 4/3 where it sounds and ln 4 where it does not.
    rest = 87 * math.log(2)
    expected = torch.tensor([rest + math.log(4 / 3), rest + math.log(4)], dtype=torch.float64)
    torch.testing.assert_close(task.losses(outputs, batch), expected)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    # a file's arrays, and what the line says
    "no key": ({"validdata": None}, "'validdata'"),
    "no pieces": ({"validdata": cell_array([])}, "its validation split must hold pieces"),
    "one chord": ({"testdata": cell_array([roll([[60]])])}, "its test split must hold pieces, of at least 2 chords"),
    "87 keys": ({"testdata": cell_array([np.zeros((5, 87))])}, "a piece of shape (5, 87) must be (time, 88)"),
    "a third": ({"testdata": cell_array([np.full((5, 88), 1 / 3)])}, "must be (time, 88), of 0 and 1"),
}


def refused(path: Path) -> str:
    with pytest.raises(ValueError, match=r"^path=[^\n]*the code of the TCN paper \(Bai et al. 2018\)$") as caught:
        PolyphonicMusic(path)
    return str(caught.value)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_content(tmp_path: Path, case: str) -> None:
    arrays, words = WRONG[case]
    assert words in refused(write_mat(tmp_path, **arrays))


def test_files_that_are_cut_missing_or_of_another_kind(tmp_path: Path) -> None:
    whole = write_mat(tmp_path).read_bytes()
    for size in (0, 50, 128, 140, len(whole) // 2, len(whole) - 7):
        path = tmp_path / "cut.mat"
        path.write_bytes(whole[:size])
        refused(path)
    assert "no such file" in refused(tmp_path / "nothing.mat")
