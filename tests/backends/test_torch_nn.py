"""torch.nn's kernels against the eager loop, in float64: outputs, final state, every gradient, every hook's call."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rnnbench.backends import Eager, TorchNn, choose_backend
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from tests.backends.fused.side_by_side import drawn, prepared, scalar

INPUT, HIDDEN, BATCH = 3, 5, 7
CELLS: dict[str, Callable[[], Cell]] = {
    "rnn_tanh": lambda: Rnn(INPUT, HIDDEN),
    "rnn_relu": lambda: Rnn(INPUT, HIDDEN, activation="relu"),
    "lstm": lambda: Lstm(INPUT, HIDDEN),
    "gru_torch": lambda: GruTorch(INPUT, HIDDEN),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("steps", [1, 2, 63])
def test_a_hook_receives_the_total_derivative_at_every_step_and_changes_nothing(name: str, steps: int) -> None:
    cell = prepared(CELLS[name]())
    inputs, state = drawn(cell, steps, BATCH)
    states, current = [], state
    for x in inputs:  # the reference: autograd's own gradient of a state that is kept
        current = tuple(tensor.clone() for tensor in cell.step(x, current))
        for tensor in current:
            tensor.retain_grad()
        states.append(current)
    outputs = torch.stack([each[0] for each in states])
    scalar(outputs, current).backward()

    for backend in (TorchNn(), Eager()):
        received: dict[tuple[int, int], Tensor] = {}

        def hook(index: int, first: int, gradients: Tensor, received: dict[tuple[int, int], Tensor] = received) -> None:
            for offset, gradient in enumerate(gradients):
                assert (index, first + offset) not in received
                received[index, first + offset] = gradient.clone()

        hooked_inputs, hooked_state = drawn(cell, steps, BATCH)
        hooked_outputs, hooked_final = backend.run(cell, hooked_inputs, hooked_state, hook)
        torch.testing.assert_close(hooked_outputs, outputs, rtol=1e-11, atol=1e-13)
        gradients = torch.autograd.grad(scalar(hooked_outputs, hooked_final), (hooked_inputs, *hooked_state))
        for gradient, reference in zip(gradients, (inputs, *state), strict=True):
            torch.testing.assert_close(gradient, reference.grad, rtol=1e-11, atol=1e-13)
        assert set(received) == {(index, time) for index in range(len(state)) for time in range(steps)}
        for (index, time), gradient in received.items():
            torch.testing.assert_close(gradient, states[time][index].grad, rtol=1e-11, atol=1e-13)


def test_the_gru_with_the_reset_before_the_product_is_not_supported() -> None:
    cell = Gru(INPUT, HIDDEN)
    assert TorchNn().unsupported_reason(cell) == "torch.nn has no kernel with its equations"
    with pytest.raises(ValueError, match=r"^Gru: torch\.nn has no kernel"):
        TorchNn().run(cell, torch.zeros(2, 1, INPUT), cell.initial_state(1))
    message = r"^backend=torch: cannot run Gru \(torch\.nn has no kernel with its equations\); use eager or auto$"
    with pytest.raises(ValueError, match=message):
        choose_backend(cell, "torch")
    assert choose_backend(cell, "auto").name == "fused"
    assert choose_backend(cell, "eager").name == "eager"


class DecayingRnn(Rnn):
    """An Rnn with equations of its own, h' = h / 2 + tanh(W x + U h + b)."""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (h / 2 + torch.tanh(self.W(x) + self.U(h)),)


def test_a_cell_that_overrides_step_does_not_run_on_its_parents_kernel() -> None:
    assert TorchNn().unsupported_reason(DecayingRnn(INPUT, HIDDEN)) is not None
