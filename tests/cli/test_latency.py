"""What each command does without: torch and W&B take seconds to import."""

import subprocess
import sys
from pathlib import Path

import pytest

SAYS_WHAT_WAS_IMPORTED = """
import sys
from rnnbench.cli import {command}
try:
    {command}.main()
finally:
    large = {{"torch", "wandb", "numba", "scipy", "hydra", "omegaconf", "scipy.stats", "pandas"}}
    print("imported:", *sorted(large & set(sys.modules)), file=sys.stderr)
"""

ONE_STEP = ["train.steps=1", "model.backend=eager", "task.length=3", "wandb.mode=disabled"]


@pytest.mark.parametrize(
    ("command", "arguments", "large"),
    [
        ("main", ["--cfg", "job"], {"torch", "wandb", "numba", "scipy"}),
        ("main", ["--help"], {"torch", "wandb", "numba", "scipy", "hydra", "omegaconf"}),
        ("main", ONE_STEP, {"wandb", "numba", "scipy.stats", "pandas"}),
        ("report", ["name=none"], {"torch", "wandb", "numba"}),
    ],
)
def test_a_command_imports_nothing_large_for_nothing(
    tmp_path: Path, command: str, arguments: list[str], large: set[str]
) -> None:
    """The report names the runs that it lacks only after everything that it needs is imported."""
    program = SAYS_WHAT_WAS_IMPORTED.format(command=command)
    environment = {"COMP_LINE": "rnnbench cell=", "COMP_POINT": "14", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    *_, last = done.stderr.splitlines()
    assert last.startswith("imported:"), done.stderr
    assert not large & set(last.split()), done.stderr
