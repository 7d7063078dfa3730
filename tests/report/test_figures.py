"""Every figure of the menu, drawn from a tiny table: what is in it, what it needs, and that nothing covers the data."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Canvas
from omegaconf import OmegaConf

from rnnbench.analysis.results import Results
from rnnbench.analysis.tuning import tune
from rnnbench.analysis.variant import Variant
from rnnbench.report.figures.figure import Figure
from rnnbench.report.style import CellStyles, mark_incomplete, paper_style
from tests.report.tiny import CELLS, DECAY, tiny

NAMES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "figure").glob("*.yaml"))
STYLES = CellStyles(list(CELLS))


def figure(name: str) -> Figure:
    node = OmegaConf.load(Path(__file__).parents[2] / "conf" / "figure" / f"{name}.yaml")
    made: Figure = instantiate(node)
    return made


def results_for(name: str) -> Results:
    if name == "learning_rate_sensitivity":
        return tune(tiny("optimizer.lr"), "optimizer.lr")
    return tiny("model.recurrent_gain") if name == "decay_by_gain" else tiny()


def draw(name: str, results: Results | None = None) -> Canvas:
    with paper_style():
        canvas = figure(name).draw(results_for(name) if results is None else results, STYLES)
        FigureCanvasAgg(canvas).draw()
        return canvas


def panels(canvas: Canvas) -> list[Any]:
    return [axes for axes in canvas.axes if axes.axison and axes.get_label() != "<colorbar>"]


def texts(canvas: Canvas) -> Iterator[str]:
    for axes in panels(canvas):
        yield from (axes.get_title(), axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel())


@pytest.mark.parametrize("name", NAMES)
def test_figure_of_the_menu_reads(name: str) -> None:
    canvas = draw(name)
    assert panels(canvas)
    said = " ".join(texts(canvas))
    assert said.strip()
    assert "_" not in said.replace("s_t", "").replace("_{10}", ""), (
        "names as in code belong to cells and settings alone"
    )
    boxes = [axes.get_window_extent() for axes in panels(canvas)]
    for legend in canvas.legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(other) for other in boxes), "the legend covers data"
        assert box.x0 >= 0
        assert box.x1 <= canvas.bbox.x1
    for axes in panels(canvas):
        assert not axes.get_legend()
        title = axes.title.get_window_extent()
        assert not any(title.overlaps(box) for box in boxes)


@pytest.mark.parametrize(("name", "column"), [(name, column) for name in NAMES for column in figure(name).needs])
def test_figure_names_the_column_it_lacks(name: str, column: str) -> None:
    results = results_for(name)
    results = replace(results, runs=results.runs.drop(columns=column))
    with pytest.raises(ValueError, match=f"^{type(figure(name)).__name__}: needs the column '{column}'"):
        draw(name, results)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("gradient", "decay"))])
def test_figure_of_profiles_says_when_there_are_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = results_for(name)
    monkeypatch.setattr(results.source, "probe", lambda run, probe: {})
    with pytest.raises(ValueError, match=f"^{type(figure(name)).__name__}: needs gradient profiles"):
        draw(name, results)


@pytest.mark.parametrize("name", NAMES)
def test_incomplete_grid_is_marked(name: str) -> None:
    results = replace(results_for(name), missing=["cell=gru seed=7"])
    with paper_style():
        canvas = figure(name).draw(results, STYLES)
        mark_incomplete(canvas, results)
        FigureCanvasAgg(canvas).draw()
    note = canvas.get_supxlabel()
    assert note == "Incomplete.\nmissing: cell=gru seed=7"


def line(axes: Any, label: str) -> Any:
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


def test_horizon_draws_rates_and_longest_lengths() -> None:
    left, right = panels(draw("horizon"))
    shares = {container.get_label(): container.lines[0].get_ydata() for container in left.containers}
    assert {cell: list(values) for cell, values in shares.items()} == {"rnn": [0, 0], "lstm": [1, 0], "gru": [1, 1]}
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["none", "10", "20"]
    points = [line.get_xdata()[0] for line in right.lines if line.get_marker() == "o"]
    assert points == [0, 1, 2]
    assert len([text for text in right.texts if text.arrow_patch]) == 1  # the GRU's may be longer


def test_heat_map_paints_log10_of_the_norm() -> None:
    canvas = draw("gradient_heat_map")
    for axes, cell in zip(panels(canvas)[:3], CELLS, strict=True):
        assert axes.get_title() == cell
        (mesh,) = axes.collections
        values = np.asarray(mesh.get_array()).reshape(3, 10)
        np.testing.assert_allclose(values[1], DECAY[cell] * (np.arange(10) - 9.0), atol=1e-12)
    (bar,) = [axes for axes in canvas.axes if axes.get_label() == "<colorbar>"]
    assert "log" in bar.get_ylabel()


def test_decay_by_gain_draws_growth_back_through_time() -> None:
    short, long = panels(draw("decay_by_gain"))
    for axes in (short, long):
        curves = {container.get_label(): container.lines[0] for container in axes.containers}
        for cell in CELLS:
            assert list(curves[cell].get_xdata()) == pytest.approx([0.5, 2.0], abs=0.1)
            assert [float(y) for y in curves[cell].get_ydata()] == pytest.approx([-DECAY[cell]] * 2)


def test_paired_differences_by_hand() -> None:
    first, _ = panels(draw("paired_differences"))
    labels = [tick.get_text() for tick in first.get_yticklabels()]
    place = labels.index("lstm − gru")
    (mark,) = [line for line in first.lines if line.get_marker() == "|" and list(line.get_ydata()) == [place]]
    # scores 1 - 6 loss: the losses are 0.01 and 0.05 times 1, 1.1, 1.2
    assert mark.get_xdata()[0] == pytest.approx(-6 * 0.04 * 1.1)
    (dots,) = [line for line in first.lines if line.get_marker() == "." and list(line.get_ydata()) == [place] * 3]
    np.testing.assert_allclose(dots.get_xdata(), [-6 * 0.04 * factor for factor in (1, 1.1, 1.2)])


def test_equal_budget_draws_mean_scores_with_units_and_parameters() -> None:
    axes = panels(draw("equal_budget"))[0]
    heights = [bar.get_height() for bar in axes.patches]
    # scores 1 - 6 loss, of the losses 0.16, 0.05 and 0.01 times 1, 1.1, 1.2; two of the RNN's are below 0
    np.testing.assert_allclose(heights, [-0.056, 0.67, 0.934])
    assert [tick.get_text() for tick in axes.get_xticklabels()][2] == "gru\n8 units\n96 param."


def test_sensitivity_is_in_steps_censored_at_the_budget() -> None:
    first, second = panels(draw("learning_rate_sensitivity"))
    rings = [line for line in first.lines if line.get_marker() == "o"]
    assert [ring.get_markersize() for ring in rings] == [7, 10, 13]
    assert {ring.get_xdata()[0] for ring in rings} == {0.01}
    assert list(line(first, "gru").get_xdata()) == [0.01, 0.1]
    steps = [[list(line(axes, cell).get_ydata()) for cell in ("rnn", "lstm", "gru")] for axes in (first, second)]
    assert steps == [[[200, 200], [100, 100], [100, 100]], [[200, 200], [200, 200], [100, 100]]]
    triangles = [[line for line in axes.lines if line.get_marker() == "^" and 200 in line.get_ydata()]
                 for axes in (first, second)]  # fmt: skip
    assert list(map(len, triangles)) == [1, 2]
    assert first.get_ylabel() == "steps to solve"


def test_sensitivity_is_in_log_loss_where_no_run_solves() -> None:
    made = tiny("optimizer.lr")
    runs = made.runs.assign(steps_to_solve=np.nan, validation_loss=made.runs["validation_loss"])
    axes = panels(draw("learning_rate_sensitivity", tune(replace(made, runs=runs), "optimizer.lr")))[0]
    np.testing.assert_allclose(line(axes, "gru").get_ydata(), np.log10([6 * 0.011, 6 * 0.022]))
    assert axes.get_ylabel() == "log10 of loss over the baseline's"


def test_profile_is_the_fraction_of_runs_above_each_score() -> None:
    (axes,) = panels(draw("performance_profiles"))
    curve = line(axes, "gru")  # scores 0.94, 0.934, 0.928, at both lengths
    share = np.interp([0.9, 0.93, 0.935, 0.95], curve.get_xdata(), curve.get_ydata())
    np.testing.assert_allclose(share, [1, 2 / 3, 1 / 3, 0], atol=1e-12)


def test_speed_draws_both_ratios() -> None:
    left, right = panels(draw("speed"))[2:4]
    drawn = {
        axes: sorted({float(x) for dots in axes.collections for x, _ in dots.get_offsets()}) for axes in (left, right)
    }
    assert drawn == {left: [0.5, 2.0, 4.0], right: [0.5, 1.0, 4.0]}
    names = ["fused", "eager", "torch.nn", "torch.mm loop"]
    assert [text.get_text() for text in left.figure.legends[0].texts] == names


def test_speed_draws_times_and_the_fraction_of_peak() -> None:
    times, fractions = panels(draw("speed"))[:2]
    assert (times.get_xlabel(), fractions.get_xlabel()) == ("", "")  # below the last row
    bars = {float(x) for lines in times.collections if isinstance(lines, LineCollection)
            for line in lines.get_segments() for x in line[:, 0]}  # fmt: skip
    assert bars == {1.0, 2.0, 4.0, 8.0}
    drawn = {float(x) for dots in fractions.collections for x, _ in dots.get_offsets()}
    assert drawn == {0.5, 0.0625, 0.125, 0.25}


def test_the_caption_of_speed_names_the_machine() -> None:
    (*_, last) = figure("speed").caption(tiny())
    assert last.startswith("Taken on AMD EPYC, family 25, model 17, 512-bit vectors.")


def test_many_variants_get_a_panel_per_cell() -> None:
    results = tiny("model.recurrent_gain")
    results.runs["variant"] = [Variant((("model.recurrent_gain", n % 4),)) for n in range(len(results.runs))]
    canvas = draw("learning_curves", results)
    assert [axes.get_title() for axes in panels(canvas)][:2] == ["adding, length 10: rnn", "adding, length 10: lstm"]
    assert {text.get_text() for text in canvas.legends[0].texts} == {
        "memoryless baseline",
        *(f"gain={n}" for n in range(4)),
    }
