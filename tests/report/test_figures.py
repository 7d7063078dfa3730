"""Every figure of the menu, drawn from a tiny table: what is in it, what it needs, and that nothing covers the data."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.labels import LOSSES
from rnnbench.report.style import CellStyles, paper_style
from tests.report.legible import problems
from tests.report.tiny import CELLS, DECAY, component, made, menu, results_for, tiny

STYLES = CellStyles(list(CELLS))
figure = partial(component, "figure")


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


@pytest.mark.parametrize("name", menu("figure"))
def test_figure_of_the_menu_reads(name: str) -> None:
    canvas = draw(name)
    assert panels(canvas)
    said = " ".join(texts(canvas))
    assert said.strip()
    assert "_" not in re.sub(r"g_[tT]|_\{10\}", "", said), "names as in code belong to cells and settings alone"
    with paper_style():
        assert problems(canvas) == []


@pytest.mark.parametrize(
    ("name", "column"), [(name, column) for name in menu("figure") for column in figure(name).needs]
)
def test_figure_names_the_column_it_lacks(name: str, column: str) -> None:
    results = results_for(name)
    results = replace(results, runs=results.runs.drop(columns=column))
    with pytest.raises(ValueError, match=f"^{type(figure(name)).__name__}: needs the column '{column}'"):
        draw(name, results)


def line(axes: Any, label: str) -> Any:
    of_bars = [container.lines[0] for container in axes.containers if container.get_label() == label]
    (found,) = of_bars or [line for line in axes.lines if line.get_label() == label]
    return found


def test_horizon_draws_rates_and_longest_lengths() -> None:
    left, right = panels(draw("horizon"))
    shares = {container.get_label(): container.lines[0].get_ydata() for container in left.containers}
    assert {cell: list(values) for cell, values in shares.items()} == {"RNN": [0, 0], "LSTM": [1, 0], "GRU": [1, 1]}
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["none", "10", "20"]
    points = [line.get_xdata()[0] for line in right.lines if line.get_marker() in "os^"]
    assert points == [0, 1, 2]
    assert len([text for text in right.texts if text.arrow_patch]) == 1  # the GRU's may be longer


def test_heat_map_paints_log10_of_the_norm() -> None:
    canvas, lags = draw("gradient_heat_map"), np.arange(10) - 9.0
    expected = {cell.upper(): DECAY[cell] * lags for cell in CELLS}
    expected |= {"LSTM, h": 0.3 * lags, "LSTM, c": np.where(lags < 0, 0.05 * (lags + 1), np.nan)}
    first_row = panels(canvas)[:5]
    assert [axes.get_title() for axes in first_row] == ["RNN", "LSTM", "LSTM, h", "LSTM, c", "GRU"]
    for axes in first_row:
        (mesh,) = axes.collections
        values = np.ma.filled(mesh.get_array(), np.nan).reshape(3, 10)
        np.testing.assert_allclose(values[1], expected[axes.get_title()], atol=1e-12)
    (bar,) = [axes for axes in canvas.axes if axes.get_label() == "<colorbar>"]
    assert "log" in bar.get_ylabel()


def test_gradient_norms_are_relative_to_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    results = tiny()
    probe = results.source.probe
    monkeypatch.setattr(results.source, "probe", lambda *of: {**(found := probe(*of)), "norm": 7 * found["norm"]})
    canvas, lags = draw("gradient_norms", results), np.arange(10) - 9.0
    for axes in panels(canvas):
        for cell in CELLS:
            np.testing.assert_allclose(line(axes, cell.upper()).get_ydata(), 10 ** (DECAY[cell] * lags))
        h, c = (each.get_ydata() for each in axes.lines if each.get_linewidth() == 0.8)
        np.testing.assert_allclose(h, 10 ** (0.3 * lags))
        np.testing.assert_allclose(c, np.where(lags < 0, 10 ** (0.05 * (lags + 1)), np.nan))
    (legend,) = canvas.legends
    assert {"h alone", "c alone"} <= {text.get_text() for text in legend.get_texts()}


def test_paired_differences_are_ratios_of_losses_at_equal_budgets() -> None:
    first, _, third = panels(draw("paired_differences"))
    assert (first.get_title(), third.get_title()) == ("RNN / LSTM", "LSTM / GRU")
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
    assert [tick.get_text() for tick in axes.get_xticklabels()][2] == "GRU\n8 units\n96 p."


def test_losses_of_all_tasks_have_units() -> None:
    assert set(LOSSES) == set(menu("task"))


def test_sensitivity_is_in_steps_censored_at_the_budget() -> None:
    first, second = panels(draw("learning_rate_sensitivity"))
    rings = [line for line in first.lines if line.get_marker() == "o" and line.get_markersize() == 8]
    assert [ring.get_xdata()[0] for ring in rings] == [0.01, 0.01, 0.01]
    assert list(line(first, "GRU").get_xdata()) == [0.01, 0.1]
    steps = [[list(line(axes, cell).get_ydata()) for cell in ("RNN", "LSTM", "GRU")] for axes in (first, second)]
    assert steps == [[[200, 200], [100, 100], [100, 100]], [[200, 200], [200, 200], [100, 100]]]
    triangles = [[line for line in axes.lines if line.get_marker() == "^" and 200 in line.get_ydata()]
                 for axes in (first, second)]  # fmt: skip
    assert list(map(len, triangles)) == [1, 2]
    assert first.get_ylabel() == "steps to solve"


def test_gates_are_those_measured() -> None:
    over_time, over_training = (panels(draw(f"gates_over_{x}")) for x in ("time", "training"))
    titles = [axes.get_title() for axes in over_time]
    assert titles[:5] == [
        f"adding, length 10: {gate}" for gate in ("LSTM, i", "LSTM, f", "LSTM, o", "GRU, r", "GRU, z")
    ]
    forget, at_the_end = over_time[1], over_training[1]
    np.testing.assert_allclose(forget.lines[-1].get_ydata(), np.full(10, 0.1))  # the mean
    closed, opened = (each.get_paths()[0].vertices for each in forget.collections)
    assert (closed[:, 1].max(), opened[:, 1].min()) == pytest.approx((0.05, 0.975))
    closed, opened = (each.get_paths()[0].vertices for each in at_the_end.collections)
    for edge, values in ((closed, {0: 0, 100: 0.05, 200: 0.1}), (opened, {0: 1, 100: 0.9, 200: 0.8})):
        assert {round(x): y for x, y in edge if y not in (0.0, 1.0)} == pytest.approx(
            {step: value for step, value in values.items() if value not in (0, 1)}
        )


def test_spectra_are_those_measured() -> None:
    before, after, _, norms = panels(draw("jacobian_spectrum"))[:4]
    np.testing.assert_allclose(line(after, "GRU").get_ydata(), 0.21 - np.arange(4))
    np.testing.assert_allclose(line(before, "GRU").get_ydata(), 0.21 - np.arange(4) - 1)
    np.testing.assert_allclose(line(norms, "GRU").get_ydata(), np.full(10, 2.0))


def test_captions_tell_what_is_drawn() -> None:
    results = tiny()
    of_runs = "Task: adding length 10, 20. Cells: RNN, LSTM, GRU; 3 seeds each."
    for name in ("learning_curves", "horizon", "cost"):
        assert figure(name).caption(results)[0].endswith(of_runs)
    assert figure("gradient_norms").caption(results)[0].endswith(f"{of_runs} Gradients are of the loss.")
    assert "1 seed each" in figure("learning_curves").caption(made(10, seeds=1))[0]


FINDINGS = {
    "learning_curves": "adding, length 20: GRU 0.0110, LSTM 0.0550, RNN 0.176.",
    "horizon": "RNN 0, LSTM 10 and GRU at least 20.",
    "jacobian_spectrum": "A small change of the state, by the largest Lyapunov exponent after training, nats per step: "
    "grows in GRU on adding (length 10) 0.210 [0.185, 0.235] and GRU on adding (length 20) 0.210 [0.185, 0.235]; "
    "fades in RNN on adding (length 10) -0.990 [-1.01, -0.965] and RNN on adding (length 20) -0.990 [-1.01, -0.965]; "
    "neither is seen in LSTM on adding (length 10) 0",
    "gates_over_training": "after training minus before: it grows in LSTM on adding (length 10) 0.300 [0.300, 0.300]",
    "gradient_norms": "first after training: grows in GRU on adding (length 10) 1.80 [1.80, 1.80] and ",
    "learning_rate_sensitivity": "At the end of the values tried, so that a better one may lie beyond: RNN 0.01",
    "other_lengths": "Decades of loss at the longest length minus that at the longest trained one: higher in ",
}


@pytest.mark.parametrize("name", FINDINGS)
def test_captions_end_with_what_is_found(name: str) -> None:
    assert FINDINGS[name] in figure(name).caption(results_for(name))[-1]


def test_captions_say_nothing_that_was_not_found() -> None:
    assert "end of training" not in " ".join(figure("learning_curves").caption(made(2, status=lambda *_: "failed")))
    one_seed = made(3, seeds=1)
    assert all(figure(name).finding(one_seed) == [] for name in ("jacobian_spectrum", "gradient_norms"))
    stopped = tiny()
    stopped.runs.loc[stopped.runs["solved"], "steps_trained"] = 100
    assert figure("learning_curves").finding(stopped) == [
        "Runs that solved the task: adding, length 10: LSTM 3 of 3, GRU 3 of 3, RNN 0 of 3; "
        "adding, length 20: GRU 3 of 3, RNN 0 of 3, LSTM 0 of 3."
    ]


def test_learning_curves_by_time_end_at_the_training_time() -> None:
    by_time = panels(draw("learning_curves_by_time"))[0]
    assert line(by_time, "GRU").get_xdata()[-1] == pytest.approx(0.4)  # 200 steps
