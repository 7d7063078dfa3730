"""Costs against formulas written out from the equations, and memory on cases that can be counted by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Model
from rnnbench.probes.costs import Costs, peak_memory_bytes
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding

# With m inputs and n units. A matrix on the input has nm weights and one on the state nn; either makes as many
# multiply-adds per step of one example.
FORMULAS: dict[type[Cell], tuple[Callable[[int, int], int], Callable[[int, int], int], int]] = {
    Rnn: (lambda m, n: n * m + n * n + n, lambda m, n: n * m + n * n, 1),
    Lstm: (lambda m, n: 4 * (n * m + n * n + n), lambda m, n: 4 * (n * m + n * n), 2),
    Gru: (lambda m, n: 3 * (n * m + n * n + n), lambda m, n: 3 * (n * m + n * n), 1),
    GruTorch: (lambda m, n: 3 * (n * m + n * n + 2 * n), lambda m, n: 3 * (n * m + n * n), 1),
}


@pytest.mark.parametrize("make_cell", FORMULAS)
@pytest.mark.parametrize(
    ("hidden", "layers", "dtype", "backend"),
    [
        (1, 1, torch.float32, "eager"),
        (7, 1, torch.float64, "eager"),
        (7, 3, torch.float32, "eager"),
        pytest.param(7, 3, torch.float32, "auto", marks=pytest.mark.long),
    ],
)
def test_counts_by_formula(make_cell: type[Cell], hidden: int, layers: int, dtype: torch.dtype, backend: str) -> None:
    parameters, multiply_adds, states = FORMULAS[make_cell]
    task = Adding(length=5)
    generator = torch.Generator().manual_seed(0)
    model = Model(
        make_cell,
        input_size=2,
        output_size=1,
        hidden_size=hidden,
        layers=layers,
        backend=backend,
        generator=generator,
    ).to(dtype)
    drawn = task.draw(3, generator)
    counts = Costs().measure(model, task, Batch(drawn.inputs.to(dtype), drawn.targets.to(dtype))).scalars
    inputs = [2] + [hidden] * (layers - 1)
    in_layers = sum(parameters(m, hidden) for m in inputs)
    assert counts["parameters_recurrent_layers"] == in_layers
    assert counts["parameters"] == in_layers + hidden + 1
    assert counts["multiply_adds_per_token"] == sum(multiply_adds(m, hidden) for m in inputs) + hidden
    assert counts["state_size"] == layers * states * hidden
    assert set(counts) == set(Costs.columns)


class LowRank(Cell):
    """h' = tanh(W x + P Q h + d h): two recurrent products in a row and an elementwise weight."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = self.input_map(bias=False)
        self.Q, self.P = nn.Linear(hidden_size, 2, bias=False), nn.Linear(2, hidden_size, bias=False)
        self.d = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(self.W(x) + self.P(self.Q(h)) + self.d * h),)


def test_counts_of_a_cell_that_nobody_foresaw() -> None:
    model = Model(LowRank, input_size=2, output_size=1, hidden_size=6, generator=torch.Generator().manual_seed(0))
    task = Adding(length=5)
    counts = Costs().measure(model, task, task.draw(3, torch.Generator().manual_seed(0))).scalars
    assert counts["parameters_recurrent_layers"] == 6 * 2 + 2 * 6 + 6 * 2 + 6
    assert counts["multiply_adds_per_token"] == 6 * 2 + 2 * 6 + 6 * 2 + 6  # the last 6 are the readout's, not d's


class RepeatedExponential(nn.Module):
    """exp(exp(... w)), of which autograd keeps every result."""

    def __init__(self, size: int, depth: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.full((size,), -1.0))
        self.depth = depth

    def forward(self, inputs: Tensor, scored_steps: int) -> Tensor:
        result = self.w
        for _ in range(self.depth):
            result = result.exp()
        return result

    def predict(self, batch: Batch) -> Tensor:
        outputs: Tensor = self(batch.inputs, len(batch.targets))
        return outputs


class Summed(Adding):
    """The loss is the sum of the outputs."""

    def mean_loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return outputs.sum()


@pytest.mark.parametrize(("size", "depth"), [(1000, 2), (1000, 9), (3, 4)])
def test_peak_memory_by_hand(size: int, depth: int) -> None:
    """Most is held when the backward pass begins: `depth` results, the first gradient, the loss and its gradient, 1."""
    model, task = RepeatedExponential(size, depth), Summed(length=2)
    batch = task.draw(1, torch.Generator().manual_seed(0))
    assert peak_memory_bytes(model, task, batch) == 4 * (size * (depth + 1) + 2)


@pytest.mark.parametrize("backend", ["eager", "torch", "auto"])
@pytest.mark.parametrize("make_cell", [Rnn, Lstm, GruTorch])
def test_peak_memory_is_the_same_each_time_and_of_the_batch_alone(make_cell: type[Cell], backend: str) -> None:
    task = Adding(length=10)
    generator = torch.Generator().manual_seed(0)
    model = Model(make_cell, input_size=2, output_size=1, hidden_size=8, backend=backend, generator=generator)
    batch, larger = task.draw(4, generator), task.draw(8, generator)
    first = peak_memory_bytes(model, task, batch)
    second = peak_memory_bytes(model, task, larger)
    assert peak_memory_bytes(model, task, batch) == first
    assert peak_memory_bytes(model, task, larger) == second
    assert first < second < 2 * first  # the weights' gradients do not grow with the batch
    assert all(parameter.grad is None for parameter in model.parameters())


def test_peak_memory_of_a_longer_sequence_by_hand() -> None:
    """One more step of the eager tanh network keeps 2 B n numbers: tanh's result, and its copy in the stacked outputs,
    which are let go, when the readout's gradient is done, before their own gradient takes as much."""
    hidden, examples = 16, 5
    model = Model(
        Rnn,
        input_size=2,
        output_size=1,
        hidden_size=hidden,
        backend="eager",
        generator=torch.Generator().manual_seed(0),
    )

    def peak(task: Task) -> int:
        return peak_memory_bytes(model, task, task.draw(examples, torch.Generator().manual_seed(0)))

    assert peak(Adding(length=50)) - peak(Adding(length=40)) == 10 * 2 * examples * hidden * 4


def test_due_once_at_initialisation() -> None:
    assert [step for step in range(200) if Costs().due(step, last=step == 199)] == [0]
