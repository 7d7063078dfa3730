"""What experiments, cells and tasks may be called."""

import os

from rnnbench.errors import SettingError, printable
from rnnbench.schema import is_name

LONGEST_NAME = 255
"""Bytes of a folder's name on Linux and macOS."""


def checked_name(name: object) -> str:
    """The name of an experiment. Raises ValueError."""
    if not isinstance(name, str):
        raise ValueError("must be text; in a file, put it in quotes")
    if not is_name(name):
        raise ValueError("must be one folder's name, of letters, digits and _ . -")
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise ValueError(f"must have at most {LONGEST_NAME} bytes")
    return name


def check_run_name(cell: str, task: str, seed: int) -> None:
    """Raise SettingError where the names of cell and task cannot be part of a run's."""
    for group, name in (("cell", cell), ("task", task)):
        if not is_name(name):
            raise SettingError(f"{group}={printable(name)}: must be one name, of letters, digits and _ . -")
    longest = LONGEST_NAME - len(os.fsencode(f".--{seed}-12345678.lock"))
    if (length := len(os.fsencode(cell + task))) > longest:
        raise SettingError(f"cell={cell} task={task}: have {length} bytes, together must have at most {longest}")
