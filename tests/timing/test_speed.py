"""Speed: what is timed, the ratios, the torch.mm loop's products, and the rows of the bench."""

import gc
import math

import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rnnbench.analysis.speed import SPEEDS, speeds
from rnnbench.analysis.variant import Variant
from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.min_gru import MinGru
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Model
from rnnbench.tasks.adding import Adding
from rnnbench.timing import __main__ as bench
from rnnbench.timing import whole_step
from rnnbench.timing.implementations import equal_lstm, implementations
from rnnbench.timing.measure import interleaved_seconds, multiply_adds, torch_mm_baseline
from rnnbench.timing.speed import Speed
from tests.long import long_but

STEPS, BATCH, HIDDEN = 5, 7, 3
GROUP = {"task": "adding", "difficulty_setting": "length", "difficulty": 5, "cell": "gru", "variant": Variant()}
RUN = {**GROUP, "seed": 0}


def flops(run: object) -> int:
    assert callable(run)
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


@pytest.mark.parametrize(
    ("family", "names"),
    [
        (Lstm, {"fused", "torch", "eager", "torch_nn", "torch_mm"}),
        (GruTorch, {"fused", "torch", "eager", "torch_nn", "torch_mm", "lstm_fused", "lstm_torch_nn"}),
        (Gru, {"fused", "eager", "torch_nn", "torch_mm", "lstm_fused", "lstm_torch_nn"}),
        (MinGru, {"fused", "eager", "torch_mm", "lstm_fused", "lstm_torch_nn"}),
    ],
)
def test_what_is_timed(family: type[Cell], names: set[str]) -> None:
    assert set(implementations(family(2, HIDDEN), STEPS, BATCH)) == names


def test_an_lstm_of_as_many_parameters() -> None:
    """A GRU of 37 units and 2 inputs has 3 x 37 x 40 = 4,440 parameters, an LSTM of 32 has 4 x 32 x 35 = 4,480."""
    lstm = equal_lstm(Gru(2, 37))
    assert lstm is not None
    assert lstm.hidden_size == 32
    assert equal_lstm(Gru(2, 3)) is None  # 54 parameters; LSTMs of one and two units have 16 and 40, of three 72


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch.compile's own
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # likewise: it looks whether a tensor has one
@pytest.mark.parametrize("compiled", long_but([False], [False, True]))
def test_every_implementation_differentiates_all_parameters(compiled: bool) -> None:
    cell = GruTorch(2, HIDDEN)
    passes = implementations(cell, STEPS, BATCH, compiled=compiled)
    gradients = []
    for name in ("fused", "torch", "eager", *["torch_compile"] * compiled):
        passes[name]()
        gradients.append(torch.cat([p.grad.flatten() for p in cell.parameters() if p.grad is not None]))
        assert len(gradients[-1]) == sum(parameter.numel() for parameter in cell.parameters())
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0], rtol=0, atol=1e-5 * float(gradients[0].abs().max()))


def test_repetitions_are_interleaved_and_the_first_two_are_untimed() -> None:
    order: list[str] = []
    seconds = interleaved_seconds({name: lambda name=name: order.append(name) for name in ("fused", "eager")}, 3, 1)
    repetitions = [order[at : at + 4] for at in (0, 4, 8)]  # the eager loop has one besides the untimed two
    assert all(each[::2] == each[1::2] and set(each) == {"fused", "eager"} for each in repetitions)
    assert order[12:] == ["fused"] * 4
    assert {name: len(values) for name, values in seconds.items()} == {"fused": 3, "eager": 1}
    assert gc.isenabled()


def test_probe_measures_once_and_its_row_becomes_the_table() -> None:
    task = Adding(STEPS)
    model = Model(Gru, input_size=2, output_size=1, hidden_size=HIDDEN, generator=torch.Generator().manual_seed(0))
    probe = Speed(repetitions=3, eager_repetitions=2)
    assert probe.due(0, last=False)
    assert not probe.due(10, last=True)
    batch = task.draw(BATCH, torch.Generator().manual_seed(0))
    measured = probe.measure(model, task, batch).scalars
    assert set(measured) <= set(probe.columns)
    assert (
        measured["pass_fused_lower_quartile_s"] <= measured["pass_fused_s"] <= measured["pass_fused_upper_quartile_s"]
    )
    assert measured["pass_fused_best_s"] <= measured["pass_fused_lower_quartile_s"]
    operations = 2 * measured["pass_multiply_adds"]
    for name in ("fused", "eager", "torch_nn", "torch_mm"):
        rate = operations / measured[f"pass_{name}_best_s"] / 1e9
        assert measured[f"pass_{name}_fraction_of_peak"] == pytest.approx(rate / measured["peak_gflops"])
    sizes = {"threads": 1, "train.batch_size": BATCH, "model.hidden_size": HIDDEN}
    table = speeds(pd.DataFrame([RUN | sizes | measured]))
    assert set(SPEEDS) < set(table.columns)
    assert list(table["implementation"]) == ["fused", "eager", "torch_nn", "torch_mm"]
    assert (table["steps"] == STEPS).all()


def test_ratios_by_hand() -> None:
    seconds = {"fused": 2.0, "torch_nn": 8.0, "torch_mm": 4.0, "lstm_fused": 5.0, "lstm_torch_nn": 2.0}
    seconds["equal_lstm_fused"] = 1.6
    columns = {
        f"pass_{name}{suffix}_s": value
        for name, value in seconds.items()
        for suffix in ("", "_lower_quartile", "_upper_quartile")
    }
    sizes = {"pass_steps": 1, "train.batch_size": 1, "pass_input_size": 1, "model.hidden_size": 1, "threads": 1}
    table = speeds(pd.DataFrame([RUN | sizes | columns])).set_index("implementation")
    assert list(table["time_over_torch_mm"]) == [0.5, 2.0, 1.0]
    assert list(table["speedup_over_torch_nn"]) == [4.0, 1.0, 2.0]
    assert list(table["time_over_lstm"][:2]) == [0.4, 4.0]
    assert math.isnan(table["time_over_lstm"]["torch_mm"])
    assert table["time_over_equal_lstm"]["fused"] == 1.25
    assert table["time_over_equal_lstm"][["torch_nn", "torch_mm"]].isna().all()
    for unknown in ("best_s", "fraction_of_peak", "peak_gflops", "cpu_load", "times_shared"):
        assert table[unknown].isna().all(), "runs of before these were recorded"


@pytest.mark.parametrize(
    ("family", "recurrent", "of_input"), [(Rnn, 1, 1), (Gru, 3, 3), (GruConcat, 3, 3), (Lstm, 4, 4), (MinGru, 0, 2)]
)
def test_the_torch_mm_loop_does_the_products_of_one_pass(family: type[Cell], recurrent: int, of_input: int) -> None:
    """Two operations per multiplication: forward, to the state, to the weights; the input has no gradient."""
    expected = 2 * STEPS * BATCH * HIDDEN * (3 * recurrent * HIDDEN + 2 * of_input * 2)
    cell = family(2, HIDDEN)
    assert flops(torch_mm_baseline(cell, STEPS, BATCH)) == 2 * (multiply_adds(cell, STEPS, BATCH) or 0) == expected


def test_rows_of_the_bench() -> None:
    rows = bench.passes(Lstm, 3, 2, 2, 3, repetitions=2).set_index("implementation")
    assert list(rows.index) == ["fused", "torch", "eager", "torch_nn", "torch_mm"]
    assert rows["time / torch.mm loop"]["torch_mm"] == rows["speed-up over torch.nn"]["torch_nn"] == 1
    assert set(rows["T, B, input, H"]) == {"3, 2, 2, 3"}
    assert (rows["rate / torch.mm"] > 0).all()


@pytest.mark.parametrize("contestant", ["rnnbench", "PyTorch", "JAX"])
def test_a_whole_step_trains(contestant: str) -> None:
    """Each contestant learns the mean target at first, so its loss falls below that of an output of zero."""
    steps = whole_step.whole_steps(Gru, whole_step.StepSizes(6, 16, 8), compiled=False)
    if contestant not in steps:
        pytest.skip("JAX is not installed")
    losses = [steps[contestant]()[0] for _ in range(300)]
    assert sum(losses[-50:]) / 50 < 0.3 < losses[0]
