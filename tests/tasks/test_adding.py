"""The adding problem, decoded from its batches."""

import pytest
import torch

from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding


@pytest.mark.parametrize("length", [2, 3, 50])
def test_one_marker_per_half_and_their_sum(length: int) -> None:
    batch = Adding(length).draw(500, torch.Generator().manual_seed(0))
    reached = set()
    for example in range(500):
        values, markers = batch.inputs[:, example].T.tolist()
        marked = [step for step, marker in enumerate(markers) if marker == 1]
        assert set(markers) <= {0.0, 1.0}
        assert len(marked) == 2
        assert marked[0] < length // 2 <= marked[1]
        assert float(batch.targets[0, example, 0]) == pytest.approx(sum(values[step] for step in marked), abs=1e-6)
        reached |= set(marked)
    assert reached == set(range(length))


def test_criterion_at_its_boundary() -> None:
    batch = Batch(torch.zeros(4, 3, 2), torch.zeros(1, 3, 1, dtype=torch.float64))
    outputs = torch.tensor([0.04, -0.04, 0.0401], dtype=torch.float64).reshape(1, 3, 1)
    assert Adding(4).correct(outputs, batch).tolist() == [True, True, False]


def test_too_short() -> None:
    with pytest.raises(ValueError, match=r"^length=1: must be at least 2 \(one marker per half\)$"):
        Adding(1)
