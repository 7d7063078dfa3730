"""Cells' names and families, of the menu and a user's own."""

import pytest

from rnnbench.report.cell_names import FAMILIES, cell_name, family, menu_cells
from rnnbench.runs.catalogue import configuration_directory


@pytest.mark.parametrize(
    ("cell", "name", "of"),
    [
        ("gru_goodfellow", "GRU (Goodfellow)", "GRU"), ("janet", "JANET", "LSTM"), ("rnn", "RNN", "RNN"),
        ("lru", "LRU", "other"), ("my_cell", "my_cell", "other"), ("own_lstm", "own_lstm", "LSTM"),
    ],
)  # fmt: skip
def test_name_and_family(cell: str, name: str, of: str) -> None:
    assert (cell_name(cell), family(cell)) == (name, of)


def test_every_cell_of_the_menu_has_its_own_name_and_a_family() -> None:
    cells = {path.stem for path in (configuration_directory() / "cell").glob("*.yaml")}
    assert set(menu_cells()) == cells
    assert len({cell_name(cell) for cell in cells}) == len(cells)
    assert {family(cell) for cell in cells} == set(FAMILIES)
