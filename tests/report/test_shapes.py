"""Every table and figure of results of any shape: made, or refused with what is missing; nothing covers the data."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.text import Text

from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report.drawing import mark_incomplete
from rnnbench.report.style import CellStyles, paper_style
from rnnbench.report.tables.comparison import Comparison
from tests.long import long_but
from tests.report.legible import OVERLAP, problems
from tests.report.tiny import component, made, menu

STYLES = CellStyles(["rnn", "lstm", "gru"])
SHAPES: dict[str, Callable[[], Results]] = {
    "one cell, one seed": lambda: made(1, seeds=1),
    "two seeds": lambda: made(2, seeds=2),
    "ten cells": lambda: made(10, seeds=2),
    "failed": lambda: made(2, status=lambda place, seed: "failed"),
    "diverged": lambda: made(2, status=lambda place, seed: "diverged"),
    "one cell failed": lambda: made(3, status=lambda place, seed: "done" if place else "failed"),
    "without history": lambda: made(2, recorded=lambda row: False),
    "one length without history": lambda: made(2, lengths=(10, 20, 40), recorded=lambda row: row["task.length"] != 20),
    "mixed tasks and fates": lambda: made(
        3, tasks=("adding", "music"), status=lambda place, seed: ("done", "failed", "diverged")[(place + seed) % 3]
    ),
    "no criterion": lambda: made(3, tasks=("music",)),
}


def components(kind: str) -> dict[str, Any]:
    return {name: component(kind, name) for name in menu(kind) if name != "claims"}


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnbench.analysis.log_rank.PERMUTATIONS", 99)


def drawn_clearly(figure: Any, results: Results) -> Any:
    """The figure, no legend and no panel of which covers another."""
    with paper_style():
        canvas = figure.draw(results, STYLES)
        mark_incomplete(canvas, results)
        assert OVERLAP not in problems(canvas)
        texts = [(text, legend) for text in canvas.texts for legend in canvas.legends if text.get_rotation() == 90]
        assert not any(text.get_window_extent().overlaps(legend.get_window_extent()) for text, legend in texts)
    return canvas


FEW = ("one cell, one seed", "diverged", "mixed tasks and fates")
"""The shapes that cost little and miss much."""


@pytest.mark.parametrize("shape", long_but(FEW, SHAPES))
def test_every_component_is_made_or_says_what_it_needs(shape: str) -> None:
    results = SHAPES[shape]()
    refused: list[str] = []
    made_of_them = 0
    for figure in components("figure").values():
        try:
            drawn_clearly(figure, results)
            assert all(figure.caption(results))
            made_of_them += 1
        except SettingError as error:
            refused.append(str(error))
    for table in components("table").values():
        try:
            assert len(table.formatted(table.rows(results)))
            made_of_them += 1
        except SettingError as error:
            refused.append(str(error))
    assert all(re.match(r"\w+: needs ", message) for message in refused)
    assert made_of_them


@pytest.mark.parametrize(
    "name", long_but(("horizon",), ("learning_curves", "equal_budget", "performance_profiles", "horizon", "cost"))
)
def test_many_cells(name: str) -> None:
    canvas = drawn_clearly(components("figure")[name], made(36 if name == "learning_curves" else 60, seeds=1))
    assert any("gated_cell_variant_35" in text.get_text() for text in canvas.findobj(Text))


def test_comparison_shows_what_a_task_has() -> None:
    table = Comparison()

    def columns(results: Results) -> set[str]:
        return set(table.formatted(table.rows(results)))

    of_criterion = {"solved", "steps to solve", "best constant"}
    music = columns(made(2, tasks=("music",)))
    assert "test frame accuracy" in music
    assert not of_criterion & music
    adding = columns(made(2))
    assert of_criterion <= adding
    assert not any("accuracy" in name for name in adding)
    both = table.formatted(table.rows(made(2, tasks=("adding", "music"))))
    of_music = both[both["task"].str.startswith("music")].iloc[0]
    assert of_music[sorted(of_criterion)].tolist() == ["–", "–", "–"]
    # 0.3, 0.302 and 0.304: Student's interval with two degrees of freedom
    assert of_music["test frame accuracy"] == "0.302 [0.297, 0.307]"
