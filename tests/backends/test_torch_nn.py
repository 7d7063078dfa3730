"""torch.nn's kernels against the eager loop, in float64: outputs, final state, every gradient, every hook's call."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rnnbench.backends import FASTEST_FIRST, Backend, Eager, TorchNn, choose_backend
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

INPUT, HIDDEN, BATCH = 3, 5, 7
CELLS: dict[str, Callable[[], Cell]] = {
    "rnn_tanh": lambda: Rnn(INPUT, HIDDEN),
    "rnn_relu": lambda: Rnn(INPUT, HIDDEN, activation="relu"),
    "lstm": lambda: Lstm(INPUT, HIDDEN),
    "gru_torch": lambda: GruTorch(INPUT, HIDDEN),
}
TORCH_LAYERS: dict[str, Callable[[], nn.RNNBase]] = {
    "rnn_tanh": lambda: nn.RNN(INPUT, HIDDEN),
    "rnn_relu": lambda: nn.RNN(INPUT, HIDDEN, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(INPUT, HIDDEN),
    "gru_torch": lambda: nn.GRU(INPUT, HIDDEN),
}


@pytest.fixture(params=CELLS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cell(name: str) -> Cell:
    cell = CELLS[name]()
    cell.initialise(torch.Generator().manual_seed(0))
    return cell.double()


def drawn(steps: int, cell: Cell) -> tuple[Tensor, State]:
    """Inputs and a non-zero initial state, both asking for a gradient."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(steps, BATCH, INPUT, generator=generator, dtype=torch.float64, requires_grad=True)
    state = tuple(
        torch.randn(BATCH, HIDDEN, generator=generator, dtype=torch.float64, requires_grad=True)
        for _ in cell.state_names
    )
    return inputs, state


def scalar(outputs: Tensor, final: State) -> Tensor:
    """A loss that weighs every number of the outputs and of the final state differently."""
    terms = [outputs, *final]
    return sum((term * torch.linspace(0.5, 1.5, term.numel()).double().view_as(term)).sin().sum() for term in terms)


@pytest.mark.parametrize("steps", [1, 2, 63])
def test_outputs_state_and_all_gradients_equal_eager(cell: Cell, steps: int) -> None:
    results = []
    for backend in (TorchNn(), Eager()):
        inputs, state = drawn(steps, cell)
        outputs, final = backend.run(cell, inputs, state)
        gradients = torch.autograd.grad(scalar(outputs, final), (inputs, *state, *cell.parameters()))
        results.append((outputs, *final, *gradients))
    assert len(results[0]) == 2 + 2 * len(cell.state_names) + len(list(cell.parameters()))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("steps", [1, 2, 63])
def test_a_hook_receives_the_total_derivative_at_every_step_and_changes_nothing(cell: Cell, steps: int) -> None:
    inputs, state = drawn(steps, cell)
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

        hooked_inputs, hooked_state = drawn(steps, cell)
        hooked_outputs, hooked_final = backend.run(cell, hooked_inputs, hooked_state, hook)
        torch.testing.assert_close(hooked_outputs, outputs, rtol=1e-11, atol=1e-13)
        gradients = torch.autograd.grad(scalar(hooked_outputs, hooked_final), (hooked_inputs, *hooked_state))
        for gradient, reference in zip(gradients, (inputs, *state), strict=True):
            torch.testing.assert_close(gradient, reference.grad, rtol=1e-11, atol=1e-13)
        assert set(received) == {(index, time) for index in range(len(state)) for time in range(steps)}
        for (index, time), gradient in received.items():
            torch.testing.assert_close(gradient, states[time][index].grad, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", [kind() for kind in FASTEST_FIRST], ids=lambda backend: backend.name)
@pytest.mark.parametrize("with_hook", [False, True])
def test_no_steps_give_no_outputs_and_the_state_back(cell: Cell, backend: Backend, with_hook: bool) -> None:
    inputs, state = drawn(0, cell)
    hook = pytest.fail if with_hook else None
    outputs, final = backend.run(cell, inputs, state, hook)
    assert outputs.shape == (0, BATCH, HIDDEN)
    assert outputs.dtype == torch.float64
    assert all(after is before for after, before in zip(final, state, strict=True))


def test_equals_the_torch_layer_itself(name: str, cell: Cell) -> None:
    """The same numbers as torch.nn.RNN, LSTM and GRU with these weights copied in, gate by gate in torch's order."""
    layer = TORCH_LAYERS[name]().double()
    gates = {"lstm": "ifgo", "gru_torch": "rzn"}.get(name)
    maps = dict(cell.named_modules())
    W = [maps[f"W_{gate}"] for gate in gates] if gates else [maps["W"]]
    U = [maps[f"U_{gate}"] for gate in gates] if gates else [maps["U"]]
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.cat([linear.weight for linear in W]))
        layer.weight_hh_l0.copy_(torch.cat([linear.weight for linear in U]))
        layer.bias_ih_l0.copy_(torch.cat([linear.bias for linear in W]))
        layer.bias_hh_l0.copy_(
            torch.cat([linear.bias if linear.bias is not None else torch.zeros(HIDDEN).double() for linear in U])
        )
    inputs, state = drawn(9, cell)
    first = tuple(tensor.unsqueeze(0) for tensor in state)
    expected, final = layer(inputs, first if len(first) == 2 else first[0])
    outputs, ours = TorchNn().run(cell, inputs, state)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-14)
    for tensor, reference in zip(ours, final if isinstance(final, tuple) else (final,), strict=True):
        torch.testing.assert_close(tensor, reference.squeeze(0), rtol=0, atol=1e-14)


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


def test_unknown_backends_are_named_with_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"^backend=cudnn: must be one of auto, .*torch, eager$"):
        choose_backend(Rnn(INPUT, HIDDEN), "cudnn")


class CountingRnn(Cell):
    """A second state tensor that counts steps: nothing that is trained reaches it."""

    state_names = ("h", "count")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, count = state
        return (torch.tanh(self.W(x) + self.U(h)) / (1 + count), count + 1)


def test_a_state_that_nothing_trained_reaches_has_hooks() -> None:
    cell = CountingRnn(INPUT, HIDDEN)
    received = set()
    outputs, _ = Eager().run(cell, torch.ones(4, 2, INPUT), cell.initial_state(2), lambda *call: received.add(call[:2]))
    outputs.sum().backward()
    # The last count enters nothing, so the hook is not called for it.
    assert received == {(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)}
