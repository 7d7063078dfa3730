"""What cells are called in figures and tables, and their families: from the comment `# Shown as: JANET; family: LSTM`
in a cell's YAML."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from rnnbench.runs.catalogue import configuration_directory

FAMILIES = ("RNN", "LSTM", "GRU", "other")
"""In the order of their colours."""
_SHOWN = re.compile(r"^# Shown as: (?P<name>[^;\n]+)(?:; family: (?P<family>\w+))?$", re.MULTILINE)

_CLASS = re.compile(r"^_target_: rnnbench\.(cells\.\w+)\.\w+$", re.MULTILINE)
_GATE = re.compile(r"^ +(\w+) = torch\.sigmoid\(", re.MULTILINE)


class Shown(NamedTuple):
    """A cell's name and the family given with it, empty where its name says it."""

    name: str
    family: str = ""


@cache
def menu_cells() -> dict[str, Shown]:
    """The cells of rnnbench's menu by the names of their YAML files."""
    paths = sorted((configuration_directory() / "cell").glob("*.yaml"))
    found = {path.stem: _SHOWN.search(path.read_text(encoding="utf-8")) for path in paths}
    return {cell: Shown(match["name"], match["family"] or "") for cell, match in found.items() if match}


def cell_name(cell: str) -> str:
    """What a reader calls the cell: `GRU (Goodfellow)` for gru_goodfellow; the choice's own name for a user's cell."""
    return menu_cells().get(cell, Shown(cell)).name


def state_name(cell: str, place: int) -> str:
    """The name of a tensor of the cell's state: the first is h, an LSTM's second c."""
    return "h" if place == 0 else "c" if place == 1 and family(cell) == "LSTM" else f"state tensor {place + 1}"


@cache
def gate_names(cell: str, gates: int) -> list[str]:
    """The names of so many gates as in the equations of the menu's cell; numbers where these do not name each."""
    path = configuration_directory() / "cell" / f"{cell}.yaml"
    of_class = _CLASS.search(path.read_text(encoding="utf-8")) if path.exists() else None
    source = Path(__file__).parents[1] / f"{of_class[1].replace('.', '/')}.py" if of_class else None
    names = _GATE.findall(source.read_text(encoding="utf-8")) if source else []
    return names if len(names) == gates else [f"gate {place + 1}" for place in range(gates)]


def family(cell: str) -> str:
    """One of FAMILIES: the one given, or the first whose letters are in the name; `my_lstm` is an LSTM."""
    name, given = menu_cells().get(cell, Shown(cell))
    return given or next((each for each in ("LSTM", "GRU", "RNN") if each in name.upper()), "other")
