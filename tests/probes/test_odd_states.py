"""States of any shape, real, complex or learned: counts by hand, gradients and Jacobians by finite differences."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.states import double_cell, flattened, unflattened
from rnnbench.errors import SettingError
from rnnbench.model import Model, hidden_size_for
from rnnbench.model.parameter_roles import parameter_roles
from rnnbench.probes.costs import Costs
from rnnbench.probes.gate_limits import GateLimits
from rnnbench.probes.gate_statistics import GateStatistics
from rnnbench.probes.gradient_profile import GradientProfile, gradient_norms_through_time
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.probes.state_jacobian import jacobians_along
from rnnbench.tasks.adding import Adding
from tests.probes.odd_states import ODD, ComplexDiagonal, LearnedStart, MatrixMemory, Projected, Tally

TASK = Adding(length=6)
EVERY_CELL = pytest.mark.parametrize("kind", ODD, ids=lambda kind: kind.__name__)


def model_of(kind: Callable[[int, int], Cell], hidden_size: int = 4, layers: int = 1, backend: str = "auto") -> Model:
    return Model(
        kind,
        input_size=2,
        output_size=1,
        hidden_size=hidden_size,
        layers=layers,
        backend=backend,
        generator=torch.Generator().manual_seed(0),
    )


# n units on m inputs: parameters, numbers in the state, multiply-adds. A complex number is two, a complex product four.
COUNTS: dict[type[Cell], Callable[[int, int], tuple[int, int, int]]] = {
    LearnedStart: lambda m, n: (n * m + n * n + n + n, n, n * m + n * n),
    Projected: lambda m, n: (8 * n * (m + n + 1) + 2 * n * n, 3 * n, 8 * n * (m + n) + 2 * n * n),
    MatrixMemory: lambda m, n: ((3 * n + 2) * (m + 1) + n * n, n + n * n, (3 * n + 2) * m + n * n),
    ComplexDiagonal: lambda m, n: (2 * (m * n + n * n) + 2 * n + n * m + n, 3 * n, 4 * (m * n + n * n) + n * m),
    Tally: lambda m, n: (n * m + n * n + n, n + 1, n * m + n * n),
}


@EVERY_CELL
@pytest.mark.parametrize("layers", [1, 2])
def test_counts_by_hand(kind: type[Cell], layers: int) -> None:
    hidden = 5
    model = model_of(kind, hidden, layers, "eager")
    counts = Costs().measure(model, TASK, TASK.draw(3, torch.Generator().manual_seed(1))).scalars
    wanted = np.sum([COUNTS[kind](m, hidden) for m in [2, hidden][:layers]], axis=0)
    assert counts["parameters_recurrent_layers"] == wanted[0]
    assert counts["parameters"] == wanted[0] + hidden + 1
    assert counts["state_size"] == wanted[1]
    assert counts["multiply_adds_per_token"] == wanted[2] + hidden


def test_a_budget_counts_complex_parameters_twice() -> None:
    found = hidden_size_for(
        ComplexDiagonal, input_size=2, output_size=1, layers=1, budget=5000, counted="recurrent_layers"
    )
    assert abs(COUNTS[ComplexDiagonal](2, found)[0] - 5000) <= 100


@EVERY_CELL
def test_gradient_norms_against_finite_differences(kind: type[Cell]) -> None:
    """The loss from the state after a step on, changed in each real number of one tensor."""
    model = model_of(kind, 3)
    (cell,) = model.cells
    double_cell(cell)
    model.readout.double()
    drawn = TASK.draw(2, torch.Generator().manual_seed(1))
    batch = type(drawn)(drawn.inputs.double(), drawn.targets.double())
    found = gradient_norms_through_time(model, TASK, batch)

    def losses(time: int, state: State) -> Tensor:
        outputs = state[0][None]
        if time < len(batch.inputs):
            outputs, _ = Eager().run(cell, batch.inputs[time:], state)
        return TASK.losses(model.readout(outputs[-1:]), batch)

    with torch.no_grad():
        state = cell.initial_state(2)
        for time, x in enumerate(batch.inputs, start=1):
            state = cell.step(x, state)
            numbers, change = flattened(state), 1e-5
            gradient = torch.zeros_like(numbers)
            for index in range(numbers.shape[1]):
                up, down = numbers.clone(), numbers.clone()
                up[:, index] += change
                down[:, index] -= change
                gradient[:, index] = (losses(time, unflattened(up, state)) - losses(time, unflattened(down, state))) / (
                    2 * change
                )
            by_state = [
                torch.view_as_real(part) if part.is_complex() else part for part in unflattened(gradient, state)
            ]
            wanted = [part.reshape(2, -1).norm(dim=1).mean().item() for part in by_state]
            assert found.by_state[0, :, time - 1] == pytest.approx(wanted, rel=1e-7, abs=1e-10)
            assert found.whole_state[0, time - 1] == pytest.approx(gradient.norm(dim=1).mean().item(), rel=1e-7)


@EVERY_CELL
def test_jacobians_against_finite_differences(kind: type[Cell]) -> None:
    cell = double_cell(model_of(kind, 3).cells[0])
    inputs = torch.randn(4, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    norms, exponents, outputs = jacobians_along(cell, inputs, 4)
    assert np.isfinite(norms).all()
    assert exponents.shape[0] == 2
    with torch.no_grad():
        torch.testing.assert_close(outputs, Eager().run(cell, inputs, cell.initial_state(2))[0])
        state = cell.initial_state(2)
        for time, x in enumerate(inputs):
            numbers, change = flattened(state), 1e-5
            columns = []
            for index in range(numbers.shape[1]):
                moved = torch.zeros_like(numbers)
                moved[:, index] = change
                after = [flattened(cell.step(x, unflattened(numbers + sign * moved, state))) for sign in (1, -1)]
                columns.append((after[0] - after[1]) / (2 * change))
            jacobian = torch.stack(columns, dim=2)
            np.testing.assert_allclose(norms[:, time], torch.linalg.matrix_norm(jacobian, ord=2), rtol=1e-7)
            state = cell.step(x, state)


@EVERY_CELL
@pytest.mark.parametrize("layers", [1, 2])
def test_every_probe_measures_it(kind: type[Cell], layers: int) -> None:
    model = model_of(kind, 4, layers)
    batch = TASK.draw(3, torch.Generator().manual_seed(1))
    for probe in (GradientProfile(), GateStatistics(), GateLimits(), ParameterGradients()):
        measured = probe.measure(model, TASK, batch)
        assert all(array.shape[0] == layers for array in measured.arrays.values())
    gradients = ParameterGradients().measure(model, TASK, batch).scalars
    wanted = torch.cat(
        [
            torch.view_as_real(parameter.grad).flatten() if parameter.grad.is_complex() else parameter.grad.flatten()
            for parameter in model.parameters()
            if parameter.grad is not None
        ]
    )
    assert gradients["gradient_norm_total"] == pytest.approx(wanted.norm().item(), rel=1e-6)


def test_time_constants_of_a_matrix_and_of_complex_numbers() -> None:
    """The matrix keeps f, which a fixed bias sets, in each of its numbers; the complex state keeps |a|."""
    model = model_of(MatrixMemory, 3)
    with torch.no_grad():
        model.cells[0].gates.weight.zero_()
        model.cells[0].gates.bias.copy_(torch.tensor([0.0, 2.0]))
    batch = TASK.draw(3, torch.Generator().manual_seed(1))
    found = GateStatistics().measure(model, TASK, batch).arrays["time_constant"]
    f = 1 / (1 + np.exp(-2.0))
    assert found.shape == (1, 2, 9)
    assert np.isnan(found[0, 0]).all()
    np.testing.assert_allclose(found[0, 1], -1 / np.log(f), rtol=1e-5)
    of_complex = GateStatistics().measure(model_of(ComplexDiagonal, 3), TASK, batch).arrays["time_constant"]
    np.testing.assert_allclose(of_complex[0, 1], np.exp(1.0), rtol=1e-5)  # |a| = exp(-exp(-1))


def test_a_learned_start_is_recurrent_trained_and_the_same_on_every_backend() -> None:
    batch = TASK.draw(3, torch.Generator().manual_seed(1))
    gradients = []
    for backend in ("eager", "fused"):
        model = model_of(LearnedStart, backend=backend)
        torch.testing.assert_close(model.cells[0].start[0], torch.linspace(-0.5, 0.5, 4), rtol=0, atol=0)
        TASK.mean_loss(model.predict(batch), batch).backward()
        gradients.append(model.cells[0].start.grad)
    torch.testing.assert_close(gradients[0], gradients[1])
    assert bool(gradients[0].any())
    assert parameter_roles(model.cells[0])["start"] == "recurrent"


def returning(*state: Tensor) -> type[Cell]:
    """A cell with these tensors as its first state, for a batch of 2."""

    class Odd(Tally):
        def initial_state(self, batch_size: int) -> State:
            return state

    return Odd


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([torch.zeros(2, 4)], "Odd: initial_state returns 1 tensors; state_names has h, n; name each"),
        ([torch.zeros(2, 4), torch.zeros(2, dtype=torch.long)], "Odd: state tensor n is torch.int64"),
        ([torch.zeros(2, 4), torch.zeros(3, 2)], r"Odd: state tensor n is torch.float32 of shape \(3, 2\) for"),
        ([torch.zeros(2, 4), torch.zeros(())], r"Odd: state tensor n is torch.float32 of shape \(\) for a batch of 2"),
        ([torch.zeros(2, 5), torch.zeros(2)], r"Odd: state tensor h .*h, the output, real and \(2, 4\)$"),
        ([torch.zeros(2, 4, dtype=torch.complex64), torch.zeros(2)], "Odd: state tensor h is torch.complex64"),
    ],
)
def test_a_state_of_another_form_is_refused_by_name(state: list[Tensor], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        model_of(returning(*state))
