"""The gradient through time of any module: against its definition, the probe, torch's layers and retain_grad.

The reference runs the steps by hand and takes each state after step t as leaves of the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.checkpoint import checkpoint

from rnnbench import Recurrent, gradient_through_time
from rnnbench.cells.lstm import Lstm
from rnnbench.probes.gradient_profile import gradient_norms_through_time
from rnnbench.tasks.adding import Adding
from tests.probes.references import drawn, model_of

STEPS, BATCH, INPUT, UNITS = 5, 4, 3, 2


def randn(*size: int) -> Tensor:
    return torch.randn(size, dtype=torch.double, generator=torch.Generator().manual_seed(sum(size)))


@pytest.fixture
def x() -> Tensor:
    return randn(STEPS, BATCH, INPUT)


class ThreeStates(nn.Module):
    """h depends on c and n of the same step, and n on c."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Linear(INPUT + UNITS, 3 * UNITS, dtype=torch.double)
        self.out = nn.Linear(UNITS, UNITS, dtype=torch.double)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c, n = state
        a, b, d = self.maps(torch.cat([x, h], 1)).chunk(3, 1)
        c = torch.sigmoid(a) * c + torch.tanh(b)
        n = torch.sigmoid(d) * n + c.square()
        return torch.tanh(c) / (1 + n.square()), c, n


def start() -> tuple[Tensor, ...]:
    return tuple(torch.zeros(BATCH, UNITS, dtype=torch.double) for _ in range(3))


def reference(step: ThreeStates, x: Tensor, loss: Callable[[Tensor], Tensor]) -> np.ndarray:
    """(step, state): the mean norm of d(loss of an example) / d(state tensor after the step), the others fixed."""
    found = []
    for cut in range(len(x)):
        state = start()
        for time, each in enumerate(x):
            state = step(each, state)
            if time == cut:
                state = leaves = tuple(tensor.detach().requires_grad_() for tensor in state)
        gradients = torch.autograd.grad(loss(state[0]).sum(), leaves, allow_unused=True)
        found.append([0.0 if each is None else float(each.norm(dim=1).mean()) for each in gradients])
    return np.array(found)


@dataclass
class Output:
    h: Tensor
    rest: dict[str, Any]


Put = Callable[[ThreeStates, tuple[Tensor, ...]], Any]
Take = Callable[[Any], tuple[Tensor, ...]]
FORMS: dict[str, tuple[Put, Take, Any]] = {
    # what the cell returns of (h, c, n), how the loop reads them, and state_of
    "tuple": (lambda _, s: s, lambda o: o, None),
    "dictionary": (lambda _, s: {"h": s[0], "more": list(s[1:])}, lambda o: (o["h"], *o["more"]), None),
    "dataclass": (
        lambda _, s: Output(s[0], {"c": s[1], "n": s[2]}), lambda o: (o.h, o.rest["c"], o.rest["n"]),
        lambda o: [o.h, o.rest],
    ),
    "stacked, parts": (lambda _, s: torch.stack(s), lambda o: tuple(o), lambda o: [o[0], o[1], o[2]]),
    "transposed and squeezed": (
        lambda _, s: [t.t().unsqueeze(0) for t in s], lambda o: tuple(t[0].t() for t in o),
        lambda o: [t.squeeze(0).t() for t in o],
    ),
    "beside a readout": (lambda m, s: (m.out(s[0]) * s[2], s), lambda o: o[1], lambda o: o[1]),
}  # fmt: skip


class Wrapped(nn.Module):
    """The three states in one form, in a loop. `kept`: the cell keeps the state itself."""

    def __init__(self, form: str = "tuple", call: str = "__call__", kept: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        put, self.take, self.state_of = FORMS[form]
        self.call, self.kept = call, kept
        self.cell = nn.Module()
        self.cell.inner = ThreeStates()
        self.cell.state = None

        def forward(x: Tensor, state: Any) -> Any:
            self.cell.state = put(self.cell.inner, self.cell.inner(x, state))
            return None if self.kept else self.cell.state

        self.cell.forward = forward

    def forward(self, x: Tensor) -> Tensor:
        state = start()
        for each in x:
            output = getattr(self.cell, self.call)(each, state)
            state = self.take(self.cell.state if self.kept else output)
        return state[0]


def loss(h: Tensor) -> Tensor:
    return (h * randn(BATCH, UNITS)).sum(1).square()


def close(found: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.by_state["cell"].T, expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("call", ["__call__", "forward"])
@pytest.mark.parametrize("form", FORMS)
def test_states_in_any_form_are_those_of_the_definition(x: Tensor, form: str, call: str) -> None:
    model = Wrapped(form, call)
    own = model.cell.forward
    found = gradient_through_time(model, lambda: loss(model(x)), states="cell", state_of=model.state_of)
    close(found, reference(model.cell.inner, x, loss))
    assert found.by_state["cell"][1:, -1].tolist() == [0, 0]  # the loss sees h alone after the last step
    assert model.cell.forward is own
    assert all(parameter.grad is None for parameter in model.parameters())


def test_states_kept_by_the_module_changed_in_place_checkpointed_and_frozen(x: Tensor) -> None:
    model, kept = Wrapped(), Wrapped(kept=True)
    expected = reference(model.cell.inner, x, loss)
    close(
        gradient_through_time(kept, lambda: loss(kept(x)), states="cell", state_of=lambda _: kept.cell.state), expected
    )
    half = gradient_through_time(model, lambda: loss(model(x).mul_(0.5)), states="cell")
    close(half, reference(model.cell.inner, x, lambda h: loss(0.5 * h)))
    again = gradient_through_time(model, lambda: loss(checkpoint(model, x, use_reentrant=False)), states="cell")
    close(again, expected)
    model.requires_grad_(False)
    close(gradient_through_time(model, lambda: loss(model(x)), states="cell"), expected)
    norm = nn.BatchNorm1d(UNITS).double().eval()
    normed = gradient_through_time(model, lambda: loss(norm(model(x))), states="cell")
    close(normed, reference(model.cell.inner, x, lambda h: loss(norm(h))))


def test_a_cell_of_torch_in_a_loop_and_retain_grad(x: Tensor) -> None:
    cell = nn.GRUCell(INPUT, UNITS).double()

    def run(kept: list[Tensor]) -> Tensor:
        h = torch.zeros(BATCH, UNITS, dtype=torch.double)
        for step in x:
            h = cell(step, h)
            h.retain_grad()
            kept.append(h)
        return h.square().sum(1)

    kept: list[Tensor] = []
    run(kept).sum().backward()
    expected = [float(h.grad.norm(dim=1).mean()) for h in kept if h.grad is not None]
    found = gradient_through_time(cell, lambda: run([]))
    np.testing.assert_allclose(found.norms["GRUCell"], expected, rtol=1e-12)


def test_the_lstm_of_torch_is_the_profile_of_the_same_lstm_here() -> None:
    task, model = Adding(length=STEPS), model_of(lambda m, n: Lstm(m, n)).double()
    batch = drawn(task)
    expected = gradient_norms_through_time(model, task, batch)
    ours = gradient_through_time(model, lambda: task.losses(model.predict(batch), batch))
    np.testing.assert_allclose(ours.norms["layers.0"], expected.whole_state[0], rtol=1e-10)
    assert model.backend.name == "fused"

    theirs, equivalent = nn.LSTM(2, 4).double(), model.cells[0].torch_equivalent()
    assert equivalent is not None
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.cat([each.weight for each in equivalent.input_maps]))
        theirs.weight_hh_l0.copy_(torch.cat([each.weight for each in equivalent.recurrent_maps]))
        theirs.bias_ih_l0.copy_(torch.cat([each.bias for each in equivalent.input_maps]))
        theirs.bias_hh_l0.zero_()
    found = gradient_through_time(
        theirs, lambda: (model.readout(theirs(batch.inputs)[0][-1]) - batch.targets[0]).square()[:, 0]
    )
    np.testing.assert_allclose(found.norms["LSTM.layer0"], expected.whole_state[0], rtol=1e-10)
    np.testing.assert_allclose(found.by_state["LSTM.layer0"], expected.by_state[0], rtol=1e-10)


def test_finite_differences_of_a_two_layer_gru(x: Tensor) -> None:
    gru, weights = nn.GRU(INPUT, UNITS, 2).double(), randn(STEPS, 1, UNITS)

    def losses(change: Tensor, layer: int, step: int) -> Tensor:
        """Of the two layers by hand, the change added to one layer's state after one step."""
        sequence = x
        for number in range(2):
            one = nn.GRU(sequence.shape[2], UNITS).double()
            one.load_state_dict({f"{name}_l0": getattr(gru, f"{name}_l{number}") for name in
                                 ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})  # fmt: skip
            state, outputs = torch.zeros(1, BATCH, UNITS, dtype=torch.double), []
            for time in range(STEPS):
                _, state = one(sequence[time : time + 1], state)
                if (number, time) == (layer, step):
                    state = state + change
                outputs.append(state[0])
            sequence = torch.stack(outputs)
        return (weights * sequence.square()).sum((0, 2))

    found = gradient_through_time(gru, lambda: (weights * gru(x)[0].square()).sum((0, 2)))
    with torch.no_grad():
        for layer, step in np.ndindex(2, STEPS):
            moves = 1e-5 * torch.eye(UNITS, dtype=torch.double)
            slopes = [(losses(move, layer, step) - losses(-move, layer, step)) / 2e-5 for move in moves]
            expected = torch.stack(slopes, dim=1).norm(dim=1).mean()
            assert found.norms[f"GRU.layer{layer}"][step] == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"num_layers": 2},
        {"bidirectional": True, "num_layers": 2},
        {"batch_first": True},
        {"bias": False},
        {"proj_size": 1, "num_layers": 2},
        {"num_layers": 2, "dropout": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("start", [False, True])
def test_the_module_computes_what_it_does_alone(x: Tensor, kind: Any, settings: dict[str, Any], start: bool) -> None:
    if "proj_size" in settings and kind is not nn.LSTM:
        pytest.skip("a setting of the LSTM")
    module: nn.RNNBase = kind(INPUT, UNITS, **settings).double().eval()
    x = x.transpose(0, 1) if module.batch_first else x
    _, like = module(x)
    given = torch.utils._pytree.tree_map(torch.randn_like, like) if start else None
    expected = module(x, given)
    seen: list[Any] = []

    def losses() -> Tensor:
        seen.append(module(x, given))
        total: Tensor = seen[0][0].square().sum((1, 2) if module.batch_first else (0, 2))
        return total

    found = gradient_through_time(module, losses)
    torch.testing.assert_close(seen[0], expected, rtol=1e-12, atol=1e-12)
    layers = 2 if settings.get("num_layers") == 2 else 1
    assert len(found.norms) == layers * (2 if module.bidirectional else 1)
    assert all(norms.shape == (STEPS,) for norms in found.norms.values())
    assert "forward" not in vars(module)


def test_a_layer_that_reads_backwards_has_its_steps_in_the_order_of_time(x: Tensor) -> None:
    module = nn.RNN(INPUT, UNITS, bidirectional=True).double()
    found = gradient_through_time(module, lambda: module(x)[0][2].square().sum(1))  # the output at step 3 alone
    assert np.flatnonzero(found.norms["RNN.layer0"]).tolist() == [0, 1, 2]
    assert np.flatnonzero(found.norms["RNN.layer0_reverse"]).tolist() == [2, 3, 4]


@pytest.mark.parametrize("batch_first", [False, True])
def test_an_unbatched_sequence_is_one_example_and_a_layer_may_be_called_in_pieces(x: Tensor, batch_first: bool) -> None:
    module, start = nn.LSTM(INPUT, UNITS, batch_first=batch_first).double(), (randn(1, UNITS), randn(1, UNITS))
    seen: list[Any] = []

    def losses() -> Tensor:
        seen.append(module(x[:, 0], start))
        return seen[0][0][-1].square().sum().unsqueeze(0)

    def pieces() -> Tensor:
        _, after = module(input=x[:2, 0], hx=start)
        return module.forward(x[2:, 0], hx=after)[0][-1].square().sum().unsqueeze(0)

    whole, found = gradient_through_time(module, losses), gradient_through_time(module, pieces)
    torch.testing.assert_close(seen[0], module(x[:, 0], start))
    np.testing.assert_allclose(found.by_state["LSTM.layer0"], whole.by_state["LSTM.layer0"], rtol=1e-12)


class OwnKernel(nn.GRU):
    def forward(self, x: Tensor, hx: Any = None) -> Any:
        return torch.tanh(x @ self.weight_ih_l0.T), None


def of_layer(layer: nn.Module, *call: Any) -> tuple[nn.Module, Callable[[], Any]]:
    return layer, lambda: layer(*call)[0][-1].sum(1)


def refused_cases(x: Tensor) -> list[tuple[tuple[Any, ...], str]]:
    """Arguments of gradient_through_time, and what the line says."""
    model, stacked, aside = Wrapped(), Wrapped("stacked, parts"), Wrapped("beside a readout")
    lstm, norm = nn.LSTM(INPUT, UNITS).double(), nn.BatchNorm1d(UNITS).double()
    both = nn.LSTM(INPUT, UNITS, bidirectional=True).double()
    own = OwnKernel(INPUT, UNITS).double()

    def without_gradients() -> Tensor:
        with torch.no_grad():
            return loss(model(x))

    def run() -> Tensor:
        return loss(model(x))

    return [
        ((nn.Linear(1, 1), run), r"Linear: has no recurrent layer .* states=\.\.\. names the submodule"),
        ((model, run, "cel"), "states=cel: no such submodule; there are Wrapped, cell"),
        ((lstm, lambda: torch.zeros(BATCH, requires_grad=True)), "LSTM: none of LSTM was called"),
        (of_layer(own, x), "OwnKernel: none of OwnKernel was called"),
        (of_layer(lstm, pack_sequence([x[:, 0], x[:4, 1]])), "packed sequence; pass a padded tensor"),
        ((lstm, lambda: (lstm(x)[0][-1] + lstm(-x)[0][-1]).sum(1)), r"state 6 does not depend on the one before; it"),
        ((both, lambda: (both(x)[0][-1] + both(-x)[0][-1]).sum(1)), "LSTM: reads both ways and was called twice"),
        ((model, lambda: loss(norm(model(x))), "cell"), "loss of one example depends on another row"),
        ((stacked, lambda: loss(stacked(x))[:3], "cell"), "its first axis must be the"),
        ((model, run, "cell", lambda o: [each.clone() for each in o]), "cell: state_of makes a new tensor"),
        ((aside, lambda: loss(aside(x)), "cell", lambda o: o[0]), r"(its state 2 does not|the losses do not depend)"),
        ((model, lambda: run().detach(), "cell"), "without gradient: it is detached"),
        ((model, lambda: run().sum(), "cell"), r"losses of shape \(\) for a state of cell of shape \(4, 2\)"),
        ((model, without_gradients, "cell"), "ran without gradients"),
    ]


def test_what_cannot_be_measured_is_refused_in_one_line_and_never_zeros(x: Tensor) -> None:
    for arguments, message in refused_cases(x):
        with pytest.raises(ValueError, match=message) as caught:
            gradient_through_time(*arguments)
        assert "\n" not in str(caught.value)
        assert nn.LSTM.forward.__qualname__ == "LSTM.forward"
        assert "forward" not in vars(arguments[0])
    model, layer = Wrapped(), Recurrent(Lstm(INPUT, UNITS)).double()
    zero = gradient_through_time(model, lambda: loss(0 * model(x)), states="cell")
    assert not zero.by_state["cell"].any()
    early = gradient_through_time(layer, lambda: loss(layer(x)[0][1]))
    assert np.flatnonzero(early.norms["cell"]).tolist() == [0, 1]


def test_summary_and_frame(x: Tensor) -> None:
    found = gradient_through_time(*of_layer(nn.LSTM(INPUT, UNITS).double(), x))
    frame, summary = found.frame(), found.summary()
    assert frame["time_step"].tolist() == list(range(1, STEPS + 1))
    assert frame["norm"].tolist() == found.norms["LSTM.layer0"].tolist()
    lost = np.log10(frame["norm"].iloc[-1] / frame["norm"].iloc[0])
    assert summary["gradient_decades_lost"].tolist() == [pytest.approx(lost)]
