"""The state-to-state Jacobian against maps whose exponents are known, numpy's decompositions and finite differences."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_goodfellow import GruGoodfellow
from rnnbench.cells.lstm import Lstm
from rnnbench.probes.state_jacobian import StateJacobian, jacobians_along, longest_examples
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from tests.drawn import normal
from tests.probes.references import ODD, in_double, model_of, state_jacobians

TASK = Adding(length=20)
pytestmark = pytest.mark.usefixtures("one_thread")


def drawn_batch() -> Batch:
    return TASK.draw(4, torch.Generator().manual_seed(2))


class Map(Cell):
    """A map of the state alone, from given starts (batch, hidden)."""

    def __init__(self, function: Callable[[Tensor], Tensor], starts: list[list[float]]) -> None:
        super().__init__(1, len(starts[0]))
        self.function = function
        self.starts = torch.tensor(starts, dtype=torch.float64)

    def initial_state(self, batch_size: int) -> State:
        return (self.starts,)

    def step(self, x: Tensor, state: State) -> State:
        return (self.function(state[0]),)


def linear(matrix: np.ndarray) -> Map:
    return Map(lambda h: h @ torch.from_numpy(matrix).T, [[0.0] * len(matrix)] * 2)


def test_linear_rnn_has_the_logarithms_of_its_eigenvalues() -> None:
    """A matrix that is not normal: its eigenvalues are chosen, its singular values come out larger."""
    vectors = np.random.default_rng(0).normal(size=(4, 4))
    eigenvalues = np.array([0.3, -1.1, 0.8, 0.5])
    matrix = vectors @ np.diag(eigenvalues) @ np.linalg.inv(vectors)
    norms, exponents, _ = jacobians_along(linear(matrix), normal(200, 2, 3), 4)
    expected = np.log(np.sort(np.abs(eigenvalues))[::-1])
    np.testing.assert_allclose(exponents, np.tile(expected, (2, 1)), rtol=0, atol=1e-9)
    np.testing.assert_allclose(norms, np.linalg.svd(matrix, compute_uv=False)[0], rtol=1e-12)
    assert norms.shape == (2, 200)


def test_what_is_lost_in_a_step_has_exponent_minus_infinity() -> None:
    norms, exponents, _ = jacobians_along(linear(np.zeros((3, 3))), normal(4, 2, 3), 2)
    assert np.array_equal(exponents, np.full((2, 2), -np.inf))
    assert not norms.any()


def test_logistic_map_has_exponent_log_2() -> None:
    cell = Map(lambda h: 4 * h * (1 - h), [[0.3]])
    _, exponents, _ = jacobians_along(cell, normal(1000, 1, 3), 1)
    assert exponents.item() == pytest.approx(math.log(2), abs=0.01)


def test_henon_map_has_its_published_exponents() -> None:
    """a = 1.4, b = 0.3: 0.419 and -1.623 (Sprott 2003), and exactly log b together, as the determinant is -b."""

    def henon(h: Tensor) -> Tensor:
        return torch.stack([1 - 1.4 * h[:, 0] ** 2 + h[:, 1], 0.3 * h[:, 0]], dim=1)

    starts = [[0.01 * number, 0.1] for number in range(20)]
    _, exponents, _ = jacobians_along(Map(henon, starts), normal(1000, 20, 3), 2)
    np.testing.assert_allclose(exponents.sum(1), math.log(0.3), rtol=0, atol=1e-12)
    np.testing.assert_allclose(exponents.mean(0), [0.419, -1.623], rtol=0, atol=0.01)


@pytest.mark.parametrize("make_cell", [Gru, Lstm, GruGoodfellow, *ODD])
def test_norms_are_those_of_finite_differences(make_cell: Callable[[int, int], Cell]) -> None:
    """In both of two layers, the second driven by the outputs of the first."""
    model = model_of(make_cell, 3, layers=2, backend="eager")
    arrays = StateJacobian(examples=2, steps=6).measure(model, TASK, drawn_batch()).arrays
    assert arrays["norm"].shape == (2, 2, 6)
    sequence = drawn_batch().inputs[:6, :2].double()
    for layer, cell in enumerate(in_double(model).cells):
        expected = torch.linalg.matrix_norm(state_jacobians(cell, sequence), ord=2).T
        np.testing.assert_allclose(arrays["norm"][layer], expected, rtol=1e-7)
        sequence = Eager().run(cell, sequence, cell.initial_state(2))[0].detach()


def test_exponents_of_an_lstm_follow_the_product_of_its_jacobians() -> None:
    """All exponents sum to the mean log |det J_t| of the second half, whatever the basis."""
    model, batch = model_of(Lstm), drawn_batch()
    arrays = StateJacobian(examples=1, steps=8, exponents=8).measure(model, TASK, batch).arrays
    matrices = state_jacobians(in_double(model).cells[0], batch.inputs[:8, :1].double())
    expected = np.mean([np.linalg.slogdet(matrix)[1] for matrix in matrices[4:, 0].numpy()])
    assert arrays["exponents"][0, 0].sum() == pytest.approx(expected, abs=1e-5)


def test_a_state_that_overflows_is_nan() -> None:
    cell = Map(lambda h: (1e200 * h) ** 3, [[1.0]])
    norms, exponents, _ = jacobians_along(cell, normal(4, 1, 3), 1)
    assert np.isnan(norms[0, -1])
    assert np.isnan(exponents).all()


def test_padding_is_not_measured() -> None:
    inputs = torch.arange(12.0).reshape(4, 3, 1)
    batch = Batch(inputs, torch.zeros(1, 3), lengths=torch.tensor([2, 4, 3]))
    assert torch.equal(longest_examples(batch, 2, 9), inputs[:3, [1, 2]])
    assert torch.equal(longest_examples(batch, 1, 2), inputs[:2, [1]])
    assert torch.equal(longest_examples(batch, 9, 9), inputs[:2, [1, 2, 0]])
