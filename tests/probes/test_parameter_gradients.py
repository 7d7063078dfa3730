"""Parameter-gradient norms against autograd by hand, and the roles of many kinds of parameters."""

import math
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model.parameter_roles import parameter_roles
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.tasks import Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.copy_memory import CopyMemory
from tests.probes.references import ComplexDiagonal, LearnedStart, drawn, in_double, model_of

INPUT, HIDDEN = 2, 4


class Concatenated(Cell):
    """h' = tanh(A [h, x] + b) with d h added: one matrix for both, and an elementwise weight on the state."""

    roles: ClassVar = {"A.weight": "recurrent", "A.bias": "recurrent", "d": "recurrent", "e": "input"}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.A = nn.Linear(input_size + hidden_size, hidden_size)
        self.d, self.e = nn.Parameter(torch.zeros(hidden_size)), nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(self.A(torch.cat([h, x], dim=1))) + self.d * h + self.e * x[:, :1],)


class Matrices(Cell):
    """h' = tanh(x W^T + h U + h V^T + b): plain matrices, one of them transposed in the product."""

    roles: ClassVar = {"W": "input", "U": "recurrent", "V": "recurrent", "b": "input"}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Parameter(torch.zeros(hidden_size, input_size))
        self.U, self.V = (nn.Parameter(torch.zeros(hidden_size, hidden_size)) for _ in range(2))
        self.b = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(x @ self.W.T + h @ self.U + h @ self.V.T + self.b),)


class Leaky(Cell):
    """h' = s(a) h + (1 - s(a)) tanh(W x + U h): a decay that is a function of its weight, as in leaky networks."""

    roles: ClassVar = {"W.weight": "input", "W.bias": "input", "U.weight": "recurrent", "a": "recurrent"}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()
        self.a = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        decay = torch.sigmoid(self.a)
        return (decay * h + (1 - decay) * torch.tanh(self.W(x) + self.U(h)),)


class Normalised(Cell):
    """h' = tanh(LN(W x) + LN(U h)): the gains of layer normalisation multiply what they normalise."""

    roles: ClassVar = {
        "W.weight": "input",
        "U.weight": "recurrent",
        "of_input.weight": "input",
        "of_input.bias": "input",
        "of_state.weight": "recurrent",
        "of_state.bias": "recurrent",
    }

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(bias=False), self.recurrent_map()
        self.of_input, self.of_state = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(self.of_input(self.W(x)) + self.of_state(self.U(h))),)


class Bilinear(Cell):
    """h' = tanh(sum_ij B_kij x_i h_j + W x): a product of both."""

    roles: ClassVar = {"B": "recurrent", "W.weight": "input", "W.bias": "input"}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.B = nn.Parameter(torch.zeros(hidden_size, input_size, hidden_size))
        self.W = self.input_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(functional.bilinear(x, h, self.B) + self.W(x)),)


class Diagonal(Cell):
    """h' = u h + sum of x: with the input alone a group that is empty."""

    roles: ClassVar = {"u": "recurrent"}

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.u = self.unit_weights()

    def step(self, x: Tensor, state: State) -> State:
        return (self.u * state[0] + x.sum(1, keepdim=True),)


def gate_roles(gates: str, bias_of_u: bool) -> dict[str, str]:
    roles: ClassVar = {}
    for gate in gates:
        roles |= {f"W_{gate}.weight": "input", f"W_{gate}.bias": "input", f"U_{gate}.weight": "recurrent"}
        roles |= {f"U_{gate}.bias": "recurrent"} if bias_of_u else {}
    return roles


ROLES: dict[type[Cell], dict[str, str]] = {
    Rnn: {"W.weight": "input", "W.bias": "input", "U.weight": "recurrent"},
    Lstm: gate_roles("ifgo", False),
    Gru: gate_roles("rzn", False),
    GruTorch: gate_roles("rzn", True),
    LearnedStart: {"W.weight": "input", "W.bias": "input", "U.weight": "recurrent", "start": "recurrent"},
    ComplexDiagonal: {
        "B": "input",
        "C": "recurrent",
        "nu": "recurrent",
        "theta": "recurrent",
        "D.weight": "input",
        "D.bias": "input",
    },
    **{cell: cell.roles for cell in (Concatenated, Matrices, Leaky, Normalised, Bilinear, Diagonal)},
}


@pytest.mark.parametrize("make_cell", ROLES)
def test_roles(make_cell: type[Cell]) -> None:
    cell = make_cell(INPUT, HIDDEN)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    assert parameter_roles(cell) == ROLES[make_cell]
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
        state, outputs = cell.initial_state(5), []
        for x in sequence:
            state = cell.step(x, state)
            outputs.append(state[0])
        sequence = torch.stack(outputs)
    outputs = sequence[len(sequence) - len(targets) :] @ model.readout.weight.T + model.readout.bias
    if targets.is_floating_point():
        loss = (outputs - targets).square().mean()
    else:
        loss = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())
    names, parameters = zip(*model.named_parameters(), strict=True)
    squares = {"input": 0.0, "recurrent": 0.0, "readout": 0.0}
    for name, gradient in zip(names, torch.autograd.grad(loss, parameters), strict=True):
        owner, _, rest = name.partition(".")
        role = "readout" if owner == "readout" else ROLES[make_cell][rest.partition(".")[2]]
        squares[role] += gradient.abs().square().sum().item()

    measured = ParameterGradients().measure(model, task, batch).scalars
    assert set(measured) == set(ParameterGradients.columns)
    for role, square in squares.items():
        assert measured[f"gradient_norm_{role}"] == pytest.approx(math.sqrt(square), rel=1e-10)
    assert measured["gradient_norm_total"] == pytest.approx(math.sqrt(sum(squares.values())), rel=1e-10)
