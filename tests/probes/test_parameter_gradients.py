"""Parameter-gradient norms against autograd by hand, roles of parameters, and what all probes have in common."""

import math
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model.parameter_roles import parameter_roles
from rnnbench.probes import Probe
from rnnbench.probes.costs import Costs
from rnnbench.probes.gate_limits import GateLimits
from rnnbench.probes.gate_statistics import GateStatistics
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.probes.state_jacobian import StateJacobian
from rnnbench.tasks import Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.copy_memory import CopyMemory
from tests.probes.references import ODD, ComplexDiagonal, LearnedStart, drawn, in_double, model_of

INPUT, HIDDEN = 2, 4


class ManyKinds(Cell):
    """Parameters of many kinds, in a layer that forgets: h' = s h + (1 - s) tanh(...) + d h + e x, s = sigma(a)."""

    roles: ClassVar = {
        "A.weight": "recurrent", "A.bias": "recurrent", "B": "recurrent", "a": "recurrent", "d": "recurrent",
        "U": "recurrent", "V": "recurrent", "of_state.weight": "recurrent", "of_state.bias": "recurrent",
        "W": "input", "b": "input", "e": "input", "of_input.weight": "input", "of_input.bias": "input",
    }  # fmt: skip

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.A = nn.Linear(input_size + hidden_size, hidden_size)
        self.B = nn.Parameter(torch.zeros(hidden_size, input_size, hidden_size))
        self.W = nn.Parameter(torch.zeros(hidden_size, input_size))
        self.U, self.V = (nn.Parameter(torch.zeros(hidden_size, hidden_size)) for _ in range(2))
        self.a, self.b, self.d, self.e = (nn.Parameter(torch.zeros(hidden_size)) for _ in range(4))
        self.of_input, self.of_state = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        s = torch.sigmoid(self.a)
        both = self.A(torch.cat([h, x], dim=1)) + functional.bilinear(x, h, self.B)
        apart = self.of_input(x @ self.W.T) + self.of_state(h @ self.U + h @ self.V.T) + self.b
        return (s * h + (1 - s) * torch.tanh(both + apart) + self.d * h + self.e * x[:, :1],)


class Diagonal(Cell):
    """h' = u h + sum of x: with the input alone a group that is empty."""

    roles: ClassVar = {"u": "recurrent"}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.u = self.unit_weights()

    def step(self, x: Tensor, state: State) -> State:
        return (self.u * state[0] + x.sum(1, keepdim=True),)


ROLES: dict[type[Cell], dict[str, str]] = {
    **{cell: {} for cell in (Rnn, Lstm, Gru, GruTorch, LearnedStart)},  # by the first letter
    ComplexDiagonal: {"C": "recurrent", "nu": "recurrent", "theta": "recurrent"},
    **{cell: cell.roles for cell in (ManyKinds, Diagonal)},
}


def role(make_cell: type[Cell], name: str) -> str:
    """The role of a parameter: as in the table, else by its letter, U acting on the state."""
    return ROLES[make_cell].get(name, "recurrent" if name.startswith(("U", "start")) else "input")


@pytest.mark.parametrize("make_cell", ROLES)
def test_roles(make_cell: type[Cell]) -> None:
    cell = make_cell(INPUT, HIDDEN)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    assert parameter_roles(cell) == {name: role(make_cell, name) for name, _ in cell.named_parameters()}
    assert all(torch.equal(before[name], value) for name, value in cell.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in cell.parameters())


@pytest.mark.parametrize("make_cell", ROLES)
@pytest.mark.parametrize("make_task", [lambda: Adding(length=6), lambda: CopyMemory(length=2)])
@pytest.mark.parametrize("layers", [1, 2])
def test_norms_by_hand(make_cell: type[Cell], make_task: Callable[[], Task], layers: int) -> None:
    task = make_task()
    backend = "auto" if make_cell in (Rnn, Lstm, Gru) else "eager"
    sizes = {"input_size": task.input_size, "output_size": task.output_size}
    model, batch = in_double(model_of(make_cell, 12, layers, backend=backend, **sizes)), drawn(task, 5)
    targets = batch.targets
    sequence = batch.inputs
    for cell in model.cells:
        sequence, _ = Eager().run(cell, sequence, cell.initial_state(5))
    outputs = sequence[len(sequence) - len(targets) :] @ model.readout.weight.T + model.readout.bias
    if targets.is_floating_point():
        loss = (outputs - targets).square().mean()
    else:
        loss = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    names, parameters = zip(*model.named_parameters(), strict=True)
    squares = {"input": 0.0, "recurrent": 0.0, "readout": 0.0}
    for name, gradient in zip(names, torch.autograd.grad(loss, parameters), strict=True):
        owner, _, rest = name.partition(".")
        group = "readout" if owner == "readout" else role(make_cell, rest.partition(".")[2])
        squares[group] += gradient.abs().square().sum().item()

    measured = ParameterGradients().measure(model, task, batch).scalars
    assert set(measured) == set(ParameterGradients.columns)
    for group, square in squares.items():
        assert measured[f"gradient_norm_{group}"] == pytest.approx(math.sqrt(square), rel=1e-10)
    assert measured["gradient_norm_total"] == pytest.approx(math.sqrt(sum(squares.values())), rel=1e-10)


TASK = Adding(length=6)


@pytest.mark.parametrize("kind", [Gru, *ODD], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    "probe", [Costs, GradientProfile, GateStatistics, GateLimits, ParameterGradients, StateJacobian]
)
def test_every_probe_measures_every_kind_of_state(kind: type[Cell], layers: int, probe: type[Probe]) -> None:
    model = model_of(kind, 4, layers, backend="eager")
    batch = TASK.draw(3, torch.Generator().manual_seed(1))
    before, generator = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    first, second = (probe().measure(model, TASK, batch) for _ in range(2))
    assert set(first.scalars) <= set(probe.columns)
    assert set(first.arrays) == set(probe.axes)
    assert all(array.shape[0] == layers for array in first.arrays.values())
    assert repr(dict(first.scalars)) == repr(dict(second.scalars))  # where NaN is NaN
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def due_steps(per_decade: int, steps: int) -> list[int]:
    probe = GradientProfile(per_decade=per_decade)
    return [step for step in range(steps + 1) if probe.due(step, last=step == steps)]


def test_due_by_hand() -> None:
    # 10^(1/3) = 2.15, 10^(2/3) = 4.64, and so on for each decade; 150 is the last step.
    assert due_steps(3, 150) == [0, 1, 2, 5, 10, 22, 46, 100, 150]
    assert due_steps(1, 999) == [0, 1, 10, 100, 999]
    assert [due_steps(3, steps) for steps in (0, 1, 3)] == [[0], [0, 1], [0, 1, 2, 3]]
    assert [step for step in range(200) if Costs().due(step, last=step == 199)] == [0]
