"""`make bench`: the table for one small size."""

import math

import pytest

from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.timing import __main__ as bench
from rnnbench.timing import lax_scan, whole_step


def test_rows_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lax_scan, "training_pass", lambda *arguments: lambda: math.sqrt(2))
    rows = {row["implementation"]: row for row in bench.rows(bench.Sizes(3, 2, 2, 3), Lstm, repetitions=2)}
    assert list(rows) == ["fused + profile", "torch", "eager", "torch.nn", "torch.mm loop", "jax lax.scan"]
    assert rows["torch.mm loop"]["time / torch.mm loop"] == "1.00"
    assert rows["torch.nn"]["speed-up over torch.nn"] == "1.00"
    for row in rows.values():
        assert (row["cell"], row["T, B, input, H"]) == ("Lstm", "3, 2, 2, 3")
        assert float(row["best ms"]) <= float(row["median ms"])
        assert float(row["rate / torch.mm"]) >= 0
    assert len({row["torch.mm GFLOP/s"] for row in rows.values()}) == 1


@pytest.mark.parametrize("contestant", ["rnnbench", "PyTorch", "JAX"])
def test_a_whole_step_trains(contestant: str) -> None:
    """Each contestant learns the mean target at first, so its loss falls below that of an output of zero."""
    steps = whole_step.whole_steps(Gru, whole_step.StepSizes(6, 16, 8), compiled=False)
    if contestant not in steps:
        pytest.skip("JAX is not installed")
    losses = [steps[contestant]()[0] for _ in range(300)]
    assert sum(losses[-50:]) / 50 < 0.3 < losses[0]
