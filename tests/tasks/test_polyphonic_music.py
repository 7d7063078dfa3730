"""Polyphonic music on small files written here."""

import json
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


def write_json(folder: Path, content: Any = PIECES) -> Path:
    path = folder / "music.json"
    path.write_text(json.dumps(content))
    return path


def write_mat(folder: Path, **changed: Any) -> Path:
    path = folder / "music.mat"
    content = {f"{split}data": cell_array([roll(piece) for piece in pieces]) for split, pieces in PIECES.items()}
    savemat(path, {name: value for name, value in {**content, **changed}.items() if value is not None})
    return path


@pytest.mark.parametrize("write", [write_json, write_mat])
def test_a_hand_checked_batch(tmp_path: Path, write: Any) -> None:
    batch = PolyphonicMusic(write(tmp_path)).examples("training", [1, 0])
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
    task = PolyphonicMusic(write_json(tmp_path))
    batch = task.examples("training", [1, 0])
    outputs = torch.zeros(3, 2, 88, dtype=torch.float64)
    torch.testing.assert_close(task.losses(outputs, batch), torch.full((2,), 88 * math.log(2), dtype=torch.float64))
    outputs[:, :, 39] = math.log(3)
    # Key 39 sounds with chance 3/4: it costs ln 4/3 where it sounds and ln 4 where it does not.
    rest = 87 * math.log(2)
    expected = torch.tensor([rest + math.log(4 / 3), rest + math.log(4)], dtype=torch.float64)
    torch.testing.assert_close(task.losses(outputs, batch), expected)


def test_baseline_loss_by_hand(tmp_path: Path) -> None:
    """Targets of the training pieces: {22, 108}, {}, {21}, {60, 64}: five keys, each in one of four steps."""
    entropy = -(math.log(1 / 4) / 4 + 3 * math.log(3 / 4) / 4)
    assert PolyphonicMusic(write_json(tmp_path)).baseline_loss == pytest.approx(5 * entropy, rel=1e-12)


def test_splits_are_as_given_and_epochs_shuffled(tmp_path: Path) -> None:
    content = {**PIECES, "train": [[[21 + n], [21 + n]] for n in range(30)]}
    task = PolyphonicMusic(write_json(tmp_path, content))
    validation = list(task.evaluation_batches("validation", 1000, 7, torch.Generator()))
    assert [batch.inputs.shape for batch in validation] == [(2, 1, 88)]
    stream = task.training_batches(30, torch.Generator().manual_seed(0))
    orders = [next(stream).inputs[0].argmax(1).tolist() for _ in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(30))
    assert orders[0] != orders[1] != list(range(30))


def test_a_silent_voice_is_no_note(tmp_path: Path) -> None:
    task = PolyphonicMusic(write_json(tmp_path, {**PIECES, "test": [[[-1, 60], [-1, -1]]]}))
    batch = task.examples("test", [0])
    assert batch.inputs[0, 0].nonzero().flatten().tolist() == [39]
    assert not batch.targets.any()


def test_never_solved(tmp_path: Path) -> None:
    assert not PolyphonicMusic(write_json(tmp_path)).solved(0.0, 0.0)


WRONG_CONTENT: dict[str, tuple[Any, str]] = {
    "a list": ([], "must hold an object with train, valid, test"),
    "no test": ({"train": [], "valid": []}, "has no test"),
    "no pieces": ({**PIECES, "valid": []}, "its validation split is empty"),
    "pieces no list": ({**PIECES, "valid": 3}, "valid is no list of pieces"),
    "one chord": ({**PIECES, "test": [[[60]]]}, "piece 0 of its test split has 1 chords and must have at least 2"),
    "too low": ({**PIECES, "test": [[[60], [20]]]}, "test holds the note 20, which must be from 21 to 108"),
    "too high": ({**PIECES, "test": [[[60], [109]]]}, "test holds the note 109, which must be from 21 to 108"),
    "half a note": ({**PIECES, "test": [[[60], [60.5]]]}, "test holds the note 60.5, which must be from 21 to 108"),
    "a name": ({**PIECES, "test": [[[60], ["C4"]]]}, "test holds the note 'C4', which must be from 21 to 108"),
    "words": ({**PIECES, "test": ["la la"]}, "test holds a piece that is no list of chords"),
    "flat": ({**PIECES, "test": [[60, 62]]}, "test holds a piece that is no list of chords"),
}


def refused(path: Path | str | None) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        PolyphonicMusic(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"path={path}: ")
    assert message.endswith("JSB Chorales as .json in the JSB-Chorales-dataset repository")
    return message


@pytest.mark.parametrize("case", WRONG_CONTENT)
def test_wrong_json(tmp_path: Path, case: str) -> None:
    content, words = WRONG_CONTENT[case]
    assert f": {words}; " in refused(write_json(tmp_path, content))


WRONG_ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"validdata": None}, "has no validdata"),
    "87 keys": ({"testdata": cell_array([np.zeros((5, 87))])}, "testdata holds something of shape (5, 87)"),
    "twos": ({"testdata": cell_array([np.full((5, 88), 2.0)])}, "testdata holds values other than 0 and 1"),
    "text": ({"testdata": cell_array(["la"])}, "testdata holds something of shape"),
    "numbers": ({"testdata": np.zeros((5, 88))}, "testdata holds something of shape ()"),
    "empty": ({"testdata": cell_array([])}, "its test split is empty"),
}


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_wrong_mat(tmp_path: Path, case: str) -> None:
    changed, words = WRONG_ARRAYS[case]
    assert words in refused(write_mat(tmp_path, **changed))


def test_corrupt_files(tmp_path: Path) -> None:
    whole = write_mat(tmp_path).read_bytes()
    for size in (0, 50, 127, 128, 140, len(whole) // 2, len(whole) - 7):
        path = tmp_path / "cut.mat"
        path.write_bytes(whole[:size])
        refused(path)
    noise = tmp_path / "noise.mat"
    noise.write_bytes(bytes(range(256)) * 20)
    assert "cannot be read as a .mat file" in refused(noise)
    text = tmp_path / "cut.json"
    text.write_text('{"train": [[[60]')
    assert "cannot be read as JSON" in refused(text)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    assert "cannot be read as JSON" in refused(binary)


def test_missing_files(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nothing.mat")
    assert "is a folder" in refused(tmp_path)
    pickle = tmp_path / "music.pickle"
    pickle.write_bytes(b"")
    assert "must end in .mat or .json" in refused(pickle)
