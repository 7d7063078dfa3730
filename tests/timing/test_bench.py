"""`make bench`: the table for one small size."""

import math

import pytest

from rnnbench.cells.lstm import Lstm
from rnnbench.timing import bench, lax_scan


def test_rows_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lax_scan, "training_pass", lambda *arguments: lambda: math.sqrt(2))
    rows = {row[2]: row for row in bench.rows(bench.Sizes(3, 2, 2, 3), Lstm, repetitions=2)}
    assert list(rows) == ["fused + profile", "torch", "eager", "torch.nn", "torch.mm loop", "jax lax.scan"]
    assert {row[:2] for row in rows.values()} == {("Lstm", "3, 2, 2, 3")}
    assert rows["torch.mm loop"][5] == "1.00"
    assert rows["torch.nn"][6] == "1.00"
