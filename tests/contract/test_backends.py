"""Every backend gives the numbers of the plain loop, for every cell in conf/cell that it supports."""

import pytest
import torch
from torch import Tensor

from rnnbench.backends import Backend, Eager, Fused, TorchNn, choose_backend
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.rnn import Rnn
from tests.backends.fused.side_by_side import assert_same_as_eager
from tests.drawn import MENU, cell_of_menu, drawn
from tests.long import long_but

INPUT, HIDDEN = 3, 5


def make(name: str, dtype: torch.dtype = torch.float64) -> Cell:
    with torch.random.fork_rng():
        return drawn(cell_of_menu(name, INPUT, HIDDEN), seed=1).to(dtype)


OF_TORCH = [(TorchNn(), name) for name in MENU if TorchNn().unsupported_reason(make(name)) is None]
QUICK = [(Fused(), "rnn"), (Fused(), "gru"), (Fused(), "lstm"), *OF_TORCH]
PAIRS: list[tuple[Backend, str]] = [*((Fused(), name) for name in MENU), *OF_TORCH]


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (1, 1), (2, 13), (63, 97)])
@pytest.mark.parametrize(("backend", "name"), long_but(QUICK, PAIRS))
def test_backend_equals_the_plain_loop(backend: Backend, name: str, steps: int, batch: int, hooked: bool) -> None:
    assert_same_as_eager(make(name), steps, batch, 1e-10, backend=backend, hooked=hooked)


@pytest.mark.parametrize(("backend", "name"), long_but([(Fused(), "gru"), (TorchNn(), "gru_torch")], PAIRS))
def test_single_precision_is_as_good_as_the_plain_loop(backend: Backend, name: str) -> None:
    assert_same_as_eager(make(name, torch.float32), 20, 4, 2e-4, backend=backend, hooked=False)


def test_the_hook_of_the_plain_loop_receives_autograds_own_gradients() -> None:
    """Those that autograd retains of states that are kept: every one once, and nothing else is changed by it."""
    cell = make("lstm")
    inputs, state = torch.ones(7, 2, INPUT, dtype=torch.float64), cell.initial_state(2)
    states, current = [], state
    for x in inputs:
        current = tuple(tensor.clone() for tensor in cell.step(x, current))  # c_t is held while h_t varies
        for tensor in current:
            tensor.retain_grad()
        states.append(current)
    (torch.stack([each[0] for each in states]).square().sum() + current[1].sum()).backward()
    received: dict[tuple[int, int], Tensor] = {}

    def hook(index: int, first: int, gradients: Tensor) -> None:
        assert (index, first) not in received
        received[index, first] = gradients.clone()

    outputs, final = Eager().run(cell, inputs, state, hook)
    (outputs.square().sum() + final[1].sum()).backward()
    assert torch.equal(outputs, torch.stack([each[0] for each in states]))
    assert set(received) == {(index, time) for index in range(2) for time in range(7)}
    for (index, time), (gradient,) in received.items():
        torch.testing.assert_close(gradient, states[time][index].grad, rtol=1e-11, atol=1e-13)


class DecayingRnn(Rnn):
    """An Rnn with equations of its own, h' = h / 2 + tanh(W x + U h + b)."""

    def step(self, x: Tensor, state: State) -> State:
        return (state[0] / 2 + super().step(x, state)[0],)


@pytest.mark.parametrize(("kind", "reason"), [(Gru, "torch.nn has no kernel"), (DecayingRnn, "its step overrides")])
def test_cells_that_torch_nn_has_not_are_refused(kind: type[Cell], reason: str) -> None:
    cell = kind(INPUT, HIDDEN)
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {reason}"):
        TorchNn().run(cell, torch.zeros(2, 1, INPUT), cell.initial_state(1))
    with pytest.raises(
        ValueError, match=rf"^backend=torch: cannot run {kind.__name__} \({reason}.*; use eager or auto$"
    ):
        choose_backend(cell, "torch")
    assert [choose_backend(cell, name).name for name in ("auto", "eager")] == ["fused", "eager"]
