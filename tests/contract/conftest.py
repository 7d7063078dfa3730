"""Small files for the tasks that need one."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat


@pytest.fixture(scope="session")
def required_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By task, the settings that have no default."""
    folder = tmp_path_factory.mktemp("data")
    return {
        "polyphonic_music": {"path": str(small_piano_roll(folder))},
        "characters": {"path": str(small_text(folder))},
        "arrays": {"path": str(small_arrays(folder))},
    }


def small_text(folder: Path) -> Path:
    """1,000 characters, some more frequent than others, half of which repeat the one two steps before."""
    generator = random.Random(0)
    letters = generator.choices("aab\nä ", k=2)
    while len(letters) < 1000:
        letters.append(letters[-2] if generator.random() < 0.5 else generator.choice("aab\nä "))
    path = folder / "small.txt"
    path.write_bytes("".join(letters).encode())
    return path


def small_arrays(folder: Path) -> Path:
    """Sequences of unequal lengths with three classes at every step."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(2, 9, 24)
    mask = np.arange(8) < lengths[:, None]
    path = folder / "small.npz"
    np.savez(path, inputs=generator.normal(size=(24, 8, 2)), targets=generator.integers(0, 3, (24, 8)), mask=mask)
    return path


def small_piano_roll(folder: Path) -> Path:
    """Pieces of unequal lengths with chords of none to three notes."""
    generator = random.Random(0)

    def pieces(count: int) -> Any:
        array = np.empty((1, count), dtype=object)
        for index in range(count):
            array[0, index] = np.zeros((generator.randint(2, 9), 88))
            for chord in array[0, index]:
                chord[generator.sample(range(39, 51), generator.randint(0, 3))] = 1
        return array

    path, sizes = folder / "small.mat", {"traindata": 11, "validdata": 4, "testdata": 5}
    savemat(path, {split: pieces(size) for split, size in sizes.items()})
    return path
