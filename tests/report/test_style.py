"""Names, colours, dashes and markers: seen on white, apart in grey and for the colour-blind, the same everywhere."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rnnbench.analysis.variant import Variant
from rnnbench.report.cell_names import FAMILIES, cell_name, family, menu_cells
from rnnbench.report.style import SHADES, CellStyles, ramp
from rnnbench.runs.catalogue import configuration_directory

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
"""Of linear RGB, at full severity (Machado et al. 2009)."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: Any) -> Any:
    parts = np.array(to_rgb(colour))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast_on_white(colour: Any) -> float:
    return float(1.05 / (linear(colour) @ LUMINANCE + 0.05))


def lab(light: Any) -> Any:
    ratio = XYZ @ np.clip(light, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart_in_grey(one: Any, other: Any) -> float:
    return float(abs(lab(linear(one))[0] - lab(linear(other))[0]))


def apart_for_the_colour_blind(one: Any, other: Any) -> float:
    return float(np.linalg.norm(lab(DEUTERANOPIA @ linear(one)) - lab(DEUTERANOPIA @ linear(other))))


def test_the_measures_are_those_of_the_standards() -> None:
    # WCAG's contrast of mid grey; CIE's lightness of black, white and mid grey
    assert round(contrast_on_white("#777777"), 2) == 4.48
    np.testing.assert_allclose(
        [lab(linear(grey))[0] for grey in ("black", "#777777", "white")], [0, 50.0, 100], atol=0.1
    )
    assert apart_for_the_colour_blind("#ff0000", "#00ff00") < 0.5 * np.linalg.norm(
        lab(linear("#ff0000")) - lab(linear("#00ff00"))
    )


def test_every_colour_is_seen_on_white() -> None:
    colours = [shade for shades in SHADES.values() for shade in shades] + [
        ramp(place, 5)["color"] for place in range(5)
    ]
    assert min(map(contrast_on_white, colours)) >= 3


def test_cells_are_told_apart_without_colour() -> None:
    """By marker or dash, or else by lightness and by what a deuteranope sees."""
    styles = CellStyles(list(menu_cells()))
    looks = {cell: styles.of(cell) for cell in menu_cells()}
    for one, other in combinations(looks, 2):
        first, second = looks[one], looks[other]
        alike = first["marker"] == second["marker"] and first["linestyle"] == second["linestyle"]
        if alike and family(one) == family(other):
            raise AssertionError(f"{one} and {other} of one family have one marker and dash")
        if alike:
            assert apart_for_the_colour_blind(first["color"], second["color"]) > 20, (one, other)
    assert looks["lru"]["marker"] != looks["min_lstm"]["marker"]
    first_of_family = [looks[cell]["color"] for cell in ("rnn", "lstm", "gru", "lem")]
    for one, other in combinations(first_of_family, 2):
        assert apart_in_grey(one, other) > 7
        assert apart_for_the_colour_blind(one, other) > 20


def test_a_family_has_its_colours_and_a_users_cell_those_of_its_family() -> None:
    styles = CellStyles(["rnn", "lstm", "gru", "min_lstm"])
    assert {family(cell): styles.of(cell)["color"] for cell in ("rnn", "lstm", "gru")} == {
        name: SHADES[name][0] for name in FAMILIES[:3]
    }
    own = styles.of("my_lstm")
    assert own["color"] in SHADES["LSTM"]
    assert own not in (styles.of("lstm"), styles.of("min_lstm"))


def test_many_variants_of_the_only_cell_are_told_apart_by_colour_and_dash() -> None:
    settings = [(clip, start) for clip in (1.0, None) for start in ("sigmoid", "basic", "smart")]
    variants = [Variant((("clip", clip), ("start", start))) for clip, start in settings]
    looks = CellStyles(["rnn"], alone="rnn").of_variants("rnn", variants)
    assert len({(look["color"], look["linestyle"]) for look in looks}) == 6
    for (clip, start), look in zip(settings, looks, strict=True):
        assert [look["color"] == other["color"] for other in looks] == [start == each for _, each in settings]
        assert [look["linestyle"] == other["linestyle"] for other in looks] == [clip == each for each, _ in settings]
    among_others = CellStyles(["rnn", "gru"]).of_variants("rnn", variants)
    assert {look["color"] for look in among_others} == {SHADES["RNN"][0]}


def test_an_ordered_setting_is_a_ramp_of_greys_without_cells_colours() -> None:
    lightness = [lab(linear(ramp(place, 4)["color"]))[0] for place in range(4)]
    assert lightness == sorted(lightness, reverse=True)
    assert all(len(set(to_rgb(ramp(place, 4)["color"]))) == 1 for place in range(4))


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
