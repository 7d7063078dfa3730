"""Costs against formulas written out from the equations, and memory on cases that can be counted by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.probes.costs import Costs, peak_memory_bytes
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding
from tests.probes.references import ComplexDiagonal, MatrixMemory, Projected, Tally, drawn, model_of

# With m inputs and n units: parameters, numbers in the state, multiply-adds. A matrix on the input has nm weights and
# one on the state nn; either makes as many multiply-adds. A complex number is two, a complex product four.
FORMULAS: dict[type[Cell], Callable[[int, int], tuple[int, int, int]]] = {
    Rnn: lambda m, n: (n * m + n * n + n, n, n * m + n * n),
    Lstm: lambda m, n: (4 * (n * m + n * n + n), 2 * n, 4 * (n * m + n * n)),
    Gru: lambda m, n: (3 * (n * m + n * n + n), n, 3 * (n * m + n * n)),
    GruTorch: lambda m, n: (3 * (n * m + n * n + 2 * n), n, 3 * (n * m + n * n)),
    Projected: lambda m, n: (8 * n * (m + n + 1) + 2 * n * n, 3 * n, 8 * n * (m + n) + 2 * n * n),
    MatrixMemory: lambda m, n: ((3 * n + 2) * (m + 1) + n * n, n + n * n, (3 * n + 2) * m + n * n),
    ComplexDiagonal: lambda m, n: (2 * (m * n + n * n) + 2 * n + n * m + n, 3 * n, 4 * (m * n + n * n) + n * m),
    Tally: lambda m, n: (n * m + n * n + n, n + 1, n * m + n * n),
}


@pytest.mark.parametrize("make_cell", FORMULAS)
@pytest.mark.parametrize(("hidden", "layers"), [(2, 1), (7, 1), (7, 3)])
def test_counts_by_formula(make_cell: type[Cell], hidden: int, layers: int) -> None:
    task = Adding(length=5)
    model = model_of(make_cell, hidden, layers, backend="eager")
    counts = Costs().measure(model, task, task.draw(3, torch.Generator().manual_seed(0))).scalars
    wanted = [FORMULAS[make_cell](m, hidden) for m in [2] + [hidden] * (layers - 1)]
    parameters, state, multiply_adds = (sum(column) for column in zip(*wanted, strict=True))
    assert counts["parameters_recurrent_layers"] == parameters
    assert counts["parameters"] == parameters + hidden + 1
    assert counts["state_size"] == state
    assert counts["multiply_adds_per_token"] == multiply_adds + hidden
    assert set(counts) == set(Costs.columns)


class RepeatedExponential(nn.Module):
    """exp(exp(... w)), of which autograd keeps every result."""

    def __init__(self, size: int, depth: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.full((size,), -1.0))
        self.depth = depth

    def predict(self, batch: Batch) -> Tensor:
        result: Tensor = self.w
        for _ in range(self.depth):
            result = result.exp()
        return result


class Summed(Adding):
    """The loss is the sum of the outputs."""

    def mean_loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return outputs.sum()


@pytest.mark.parametrize(("size", "depth"), [(1000, 2), (1000, 9), (3, 4)])
def test_peak_memory_by_hand(size: int, depth: int) -> None:
    """Most is held when the backward pass begins: `depth` results, the first gradient, the loss and its gradient, 1."""
    model, task = RepeatedExponential(size, depth), Summed(length=2)
    assert peak_memory_bytes(model, task, drawn(task, 1)) == 4 * (size * (depth + 1) + 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["eager", "torch", "auto"])
def test_peak_memory_is_the_same_each_time_and_of_the_batch_alone(backend: str) -> None:
    task, generator = Adding(length=10), torch.Generator().manual_seed(0)
    model = model_of(Lstm, 4, backend=backend, layers=2)
    batches = [task.draw(size, generator) for size in (4, 8, 4, 8)]
    first, second, *again = (peak_memory_bytes(model, task, batch) for batch in batches)
    assert again == [first, second]
    assert first < second <= 2 * first
    assert all(parameter.grad is None for parameter in model.parameters())


def test_peak_memory_of_a_longer_sequence_by_hand() -> None:
    """One more step of the eager tanh network keeps 2 B n numbers: tanh's result, and its copy in the stacked outputs,
    which are let go, when the readout's gradient is done, before their own gradient takes as much."""
    model = model_of(Rnn, 16, backend="eager")

    def peak(task: Task) -> int:
        return peak_memory_bytes(model, task, task.draw(5, torch.Generator().manual_seed(0)))

    assert peak(Adding(length=50)) - peak(Adding(length=40)) == 10 * 2 * 5 * 16 * 4
