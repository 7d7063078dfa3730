"""Every figure of the menu, drawn from a tiny table: what is in it, what it needs, and that nothing covers the data."""

import re
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
from rnnbench.report import Figure
from rnnbench.report.figures.horizon import Horizon
from rnnbench.report.figures.paired_differences import PairedDifferences
from rnnbench.report.labels import LOSSES
from rnnbench.report.style import CellStyles, paper_style
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
    assert "_" not in re.sub(r"g_[tT]|_\{10\}", "", said), "names as in code belong to cells and settings alone"
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


def line(axes: Any, label: str) -> Any:
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


def test_horizon_draws_rates_and_longest_lengths() -> None:
    left, right = panels(draw("horizon"))
    shares = {container.get_label(): container.lines[0].get_ydata() for container in left.containers}
    assert {cell: list(values) for cell, values in shares.items()} == {"rnn": [0, 0], "lstm": [1, 0], "gru": [1, 1]}
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["none", "10", "20"]
    points = [line.get_xdata()[0] for line in right.lines if line.get_marker() in "os^"]
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


def test_gradient_norms_are_relative_to_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    results = tiny()
    probe = results.source.probe
    monkeypatch.setattr(results.source, "probe", lambda *of: {**(found := probe(*of)), "norm": 7 * found["norm"]})
    for axes in panels(draw("gradient_norms", results)):
        for cell in CELLS:
            np.testing.assert_allclose(line(axes, cell).get_ydata(), 10 ** (DECAY[cell] * (np.arange(10) - 9.0)))


def test_gradient_norms_mark_where_a_gradient_is_rounded_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    results = tiny()
    norms = 10 ** (5 * (np.arange(10) - 9.0))  # down to 1e-45; of the fused backend 1e-30 is lost
    monkeypatch.setattr(results.source, "probe", lambda *_: {"norm": np.tile(norms, (3, 1, 1)), "step": [0, 100, 200]})
    canvas = draw("gradient_norms", results)
    axes = panels(canvas)[0]
    assert list(np.isnan(line(axes, "gru").get_ydata())) == [True] * 4 + [False] * 6
    assert {mark.get_xdata()[0] for mark in axes.lines if mark.get_marker() == "<"} == {5}
    assert "rounded to zero before" in {text.get_text() for text in canvas.legends[0].texts}


def test_heat_map_is_centred_on_no_change_and_marks_survivors(monkeypatch: pytest.MonkeyPatch) -> None:
    results = tiny()
    probe = results.source.probe

    def stopping(run: str, name: str) -> dict[str, Any]:
        """The GRU's seed 1 stops after step 100, its seed 2 after step 0."""
        found, kept = probe(run, name), {"gru-adding-1": 2, "gru-adding-2": 1}.get(run[:12], 3)
        return {key: value[:kept] for key, value in found.items()}

    monkeypatch.setattr(results.source, "probe", stopping)
    canvas = draw("gradient_heat_map", results)
    *_, gru = panels(canvas)[:3]
    (mesh,) = gru.collections
    assert mesh.norm.vmin == -mesh.norm.vmax
    assert list(np.ma.getmaskarray(mesh.get_array()).reshape(3, 10).all(axis=1)) == [False, False, True]
    assert [line.get_ydata()[0] for line in gru.lines] == [0.5]
    told = {text.get_text() for text in canvas.legends[0].texts}
    assert told == {"above: some runs had stopped", "fewer than half were left"}


def test_paired_differences_are_ratios_of_losses_at_equal_budgets() -> None:
    first, _, third = panels(draw("paired_differences"))
    assert (first.get_title(), third.get_title()) == ("rnn / lstm", "lstm / gru")
    # losses 0.05 and 0.01, both times the same factor within a seed
    (dot, *_) = [line for line in third.lines if line.get_marker() == "s"]
    assert dot.get_xdata()[0] == pytest.approx(5)
    assert third.get_xlabel() == "ratio of test loss"
    (band,) = third.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.5, 2))


def test_equal_budget_draws_losses_with_units_and_parameters() -> None:
    axes = panels(draw("equal_budget"))[0]
    means = [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2
    ]
    # losses over 1/6: 0.16, 0.05 and 0.01 times 1, 1.1, 1.2; their geometric means
    np.testing.assert_allclose(means, 6 * np.array([0.16, 0.05, 0.01]) * (1.1 * 1.2) ** (1 / 3))
    assert [tick.get_text() for tick in axes.get_xticklabels()][2] == "gru\n8 units\n96 param."


def test_cost_does_not_repeat_what_is_the_same() -> None:
    left, right = panels(draw("cost"))
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["10", "20"]
    assert list(line(left, "gru").get_ydata()) == pytest.approx([2, 2])
    assert [tick.get_text() for tick in right.get_yticklabels()] == list(CELLS)
    with_variants = panels(draw("cost", tiny("model.recurrent_gain")))[1]
    assert [tick.get_text() for tick in with_variants.get_yticklabels()] == list(CELLS)


def test_learning_curves_survive_a_length_without_history(monkeypatch: pytest.MonkeyPatch) -> None:
    results = tiny()
    histories = results.source.histories
    monkeypatch.setattr(
        results.source, "histories", lambda runs: histories([run for run in runs if not run.endswith("20None")])
    )
    short, long = panels(draw("learning_curves", results))
    assert line(short, "gru").get_ydata()[-1] == pytest.approx(0.011)
    assert [text.get_text() for text in long.texts] == ["no run has a history"]
    assert short.get_ylabel() == "validation mean squared error"


def test_losses_of_all_tasks_have_units() -> None:
    tasks = {path.stem for path in (Path(__file__).parents[2] / "conf" / "task").glob("*.yaml")}
    assert set(LOSSES) == tasks


def test_losses_are_not_compared_where_runs_stop_when_they_solve() -> None:
    results = tiny()
    results.runs.loc[results.runs["solved"], "steps_trained"] = 100
    *_, third = panels(draw("paired_differences", results))
    assert third.get_xlabel() == "ratio of steps to solve"
    assert [tick.get_text() for tick in third.get_yticklabels()] == ["length 10", "length 20", "all lengths"]
    axes = panels(draw("equal_budget", results))[0]
    assert axes.get_ylabel() == "training steps to solve"
    (unsolved,) = [line for line in axes.lines if line.get_marker() == "^" and len(line.get_xdata())]
    assert list(unsolved.get_ydata()) == [200] * 3  # the RNN's, at their budget
    (axes,) = panels(draw("performance_profiles", results))
    assert [line(axes, cell).get_ydata()[-1] for cell in CELLS] == [0, 0.5, 1]


def test_speed_draws_times_fractions_and_ratios() -> None:
    times, *others = panels(draw("speed"))[:4]
    bars = {float(x) for lines in times.collections if isinstance(lines, LineCollection)
            for line in lines.get_segments() for x in line[:, 0]}  # fmt: skip
    assert bars == {1.0, 2.0, 4.0, 8.0}
    drawn = [{float(x) for dots in axes.collections for x, _ in dots.get_offsets()} for axes in others]
    assert drawn == [{0.5, 0.0625, 0.125, 0.25}, {0.5, 2.0, 4.0}, {0.5, 1.0, 4.0}]


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


def test_profile_is_the_fraction_of_runs_with_at_most_each_loss() -> None:
    (axes,) = panels(draw("performance_profiles"))
    curve = line(axes, "gru")  # losses over the baseline 0.06, 0.066, 0.072, at both lengths
    fraction = np.interp([0.05, 0.063, 0.069, 0.08], curve.get_xdata(), curve.get_ydata())
    np.testing.assert_allclose(fraction, [0, 1 / 3, 2 / 3, 1], atol=1e-12)


def test_many_variants_get_a_panel_per_cell() -> None:
    results = tiny("model.recurrent_gain")
    results.runs["variant"] = [Variant((("model.recurrent_gain", n % 4),)) for n in range(len(results.runs))]
    canvas = draw("learning_curves", results)
    assert [axes.get_title() for axes in panels(canvas)][:2] == ["adding, length 10: rnn", "adding, length 10: lstm"]
    assert {text.get_text() for text in canvas.legends[0].texts} == {
        "memoryless baseline",
        "range over seeds",
        *(f"gain={n}" for n in range(4)),
    }


def test_figures_of_a_softer_milestone() -> None:
    made = tiny()
    soft = replace(made, runs=made.runs.assign(steps_to_half_baseline=100.0, steps_to_solve=np.nan, solved=False))
    with paper_style():
        canvas = Horizon(milestone="half_baseline").draw(soft, STYLES)
        strict = Horizon().draw(soft, STYLES)
        ratios = PairedDifferences(milestone="half_baseline").draw(soft, STYLES)
    rates = [float(y) for line in panels(canvas)[0].get_lines() for y in np.atleast_1d(line.get_ydata())]
    assert 1.0 in rates
    assert "success rate (half baseline)" in list(texts(canvas))
    unsolved = [line.get_ydata() for line in panels(strict)[0].get_lines() if line.get_marker() not in ("_", "|", None)]
    assert max(float(np.max(values)) for values in unsolved) == 0.0
    assert "ratio of steps to half baseline" in list(texts(ratios))
