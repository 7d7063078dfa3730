"""`make bench`: the table for one small size."""

import math

import pytest

from rnnbench.cells.lstm import Lstm
from rnnbench.timing import bench, lax_scan


def test_rows_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lax_scan, "training_pass", lambda *arguments: lambda: math.sqrt(2))
    rows = {row["implementation"]: row for row in bench.rows(bench.Sizes(3, 2, 2, 3), Lstm, repetitions=2)}
    assert list(rows) == ["fused + profile", "torch", "eager", "torch.nn", "torch.mm loop", "jax lax.scan"]
    assert rows["torch.mm loop"]["time / torch.mm loop"] == "1.00"
    assert rows["torch.nn"]["speed-up over torch.nn"] == "1.00"
    for row in rows.values():
        assert (row["cell"], row["T, B, input, H"]) == ("Lstm", "3, 2, 2, 3")
        assert float(row["best ms"]) <= float(row["median ms"])
        assert float(row["fraction of peak"]) >= 0
    assert len({row["peak GFLOP/s"] for row in rows.values()}) == 1
