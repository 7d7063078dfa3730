"""Small files for the tasks that need one."""

import json
import random
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def required_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By task, the settings that have no default."""
    return {"polyphonic_music": {"path": str(small_piano_roll(tmp_path_factory.mktemp("music")))}}


def small_piano_roll(folder: Path) -> Path:
    """Pieces of unequal lengths with chords of none to three notes."""
    generator = random.Random(0)

    def piece() -> list[list[int]]:
        steps = generator.randint(2, 9)
        return [generator.sample(range(60, 72), generator.randint(0, 3)) for _ in range(steps)]

    path = folder / "small.json"
    path.write_text(
        json.dumps(
            {split: [piece() for _ in range(size)] for split, size in [("train", 11), ("valid", 4), ("test", 5)]}
        )
    )
    return path
