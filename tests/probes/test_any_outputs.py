"""The gradient through time of modules that return, keep and call their state in any way, against its definition.

The reference runs the steps by hand and takes each state after step t as leaves of the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rnnbench import Recurrent, gradient_through_time
from rnnbench.cells.lstm import Lstm

STEPS, BATCH, INPUT, UNITS = 5, 4, 3, 2
Profile = Callable[..., np.ndarray]


def randn(*size: int) -> Tensor:
    return torch.randn(size, dtype=torch.double, generator=torch.Generator().manual_seed(sum(size)))


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


class Named(NamedTuple):
    h: Tensor
    c: Tensor
    n: Tensor


Put = Callable[[ThreeStates, tuple[Tensor, ...]], Any]
Take = Callable[[Any], tuple[Tensor, ...]]
FORMS: dict[str, tuple[Put, Take, Any]] = {
    # what the cell returns of (h, c, n), how the loop reads them, and state_of
    "tuple": (lambda _, s: s, lambda o: o, None),
    "named tuple": (lambda _, s: Named(*s), lambda o: tuple(o), None),
    "dictionary": (lambda _, s: {"h": s[0], "more": list(s[1:])}, lambda o: (o["h"], *o["more"]), None),
    "dataclass": (
        lambda _, s: Output(s[0], {"c": s[1], "n": s[2]}), lambda o: (o.h, o.rest["c"], o.rest["n"]),
        lambda o: [o.h, o.rest],
    ),
    "stacked, parts": (lambda _, s: torch.stack(s), lambda o: tuple(o), lambda o: [o[0], o[1], o[2]]),
    "unbound": (lambda _, s: torch.stack(s).unbind(0), lambda o: o, None),
    "transposed and squeezed": (
        lambda _, s: [t.t().unsqueeze(0) for t in s], lambda o: tuple(t[0].t() for t in o),
        lambda o: [t.squeeze(0).t() for t in o],
    ),
    "chunks of one": (
        lambda _, s: torch.cat(s, 1), lambda o: o.chunk(3, 1), lambda o: o.split(UNITS, 1),
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
def test_states_in_any_form_are_those_of_the_definition(form: str, call: str) -> None:
    model, x = Wrapped(form, call), randn(STEPS, BATCH, INPUT)
    own = model.cell.forward
    found = gradient_through_time(model, lambda: loss(model(x)), states="cell", state_of=model.state_of)
    expected = reference(model.cell.inner, x, loss)
    close(found, expected)
    assert found.by_state["cell"][1:, -1].tolist() == [0, 0]  # the loss sees h alone after the last step
    assert model.cell.forward is own
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_state_that_the_module_keeps_and_one_changed_in_place_afterwards() -> None:
    model, x = Wrapped(), randn(STEPS, BATCH, INPUT)
    expected = reference(model.cell.inner, x, loss)
    kept = Wrapped(kept=True)
    close(
        gradient_through_time(kept, lambda: loss(kept(x)), states="cell", state_of=lambda _: kept.cell.state), expected
    )

    def halved(h: Tensor) -> Tensor:
        return loss(h.mul_(0.5))

    half = gradient_through_time(model, lambda: halved(model(x)), states="cell")
    close(half, reference(model.cell.inner, x, lambda h: loss(0.5 * h)))


def test_a_frozen_module_and_checkpoints() -> None:
    model, x = Wrapped(), randn(STEPS, BATCH, INPUT)
    expected = reference(model.cell.inner, x, loss)
    again = gradient_through_time(model, lambda: loss(checkpoint(model, x, use_reentrant=False)), states="cell")
    close(again, expected)
    with pytest.raises(ValueError, match="cell: ran without gradients, as under no_grad"):
        gradient_through_time(
            model, lambda: loss(checkpoint(model, x.clone().requires_grad_(), use_reentrant=True)), states="cell"
        )
    model.requires_grad_(False)
    close(gradient_through_time(model, lambda: loss(model(x)), states="cell"), expected)


class Scaled(nn.LSTM):
    """A subclass with its own forward and its own constructor."""

    def __init__(self, size: int) -> None:
        super().__init__(size, UNITS, batch_first=True)

    def forward(self, x: Tensor, hx: Any = None) -> Any:
        output, state = super().forward(3 * x, hx)
        return 2 * output, state


def test_a_subclass_of_a_layer_of_torch_is_measured_with_its_own_forward() -> None:
    layer, x = Scaled(INPUT).double(), randn(BATCH, STEPS, INPUT)
    plain = nn.LSTM(INPUT, UNITS, batch_first=True).double()
    plain.load_state_dict(layer.state_dict())
    seen: list[Tensor] = []

    def losses() -> Tensor:
        seen.append(loss(layer(x)[0][:, -1]))
        return seen[-1]

    found = gradient_through_time(layer, losses)
    expected = gradient_through_time(plain, lambda: loss(2 * plain(3 * x)[0][:, -1]))
    np.testing.assert_allclose(found.by_state["Scaled.layer0"], expected.by_state["LSTM.layer0"], rtol=1e-12)
    torch.testing.assert_close(seen[0], loss(layer(x)[0][:, -1]))
    assert nn.LSTM.forward.__qualname__ == "LSTM.forward"


class OwnKernel(nn.GRU):
    def forward(self, x: Tensor, hx: Any = None) -> Any:
        return torch.tanh(x @ self.weight_ih_l0.T), None


def test_a_subclass_that_does_not_run_the_layer_of_torch_is_refused() -> None:
    layer, x = OwnKernel(INPUT, UNITS).double(), randn(STEPS, BATCH, INPUT)
    with pytest.raises(ValueError, match="OwnKernel: none of OwnKernel was called"):
        gradient_through_time(layer, lambda: layer(x)[0].sum((0, 2)))


def test_the_names_of_the_arguments_are_those_of_torch_and_a_layer_may_be_called_in_pieces() -> None:
    layer, x = nn.LSTM(INPUT, UNITS).double(), randn(STEPS, BATCH, INPUT)
    state = (randn(1, BATCH, UNITS), randn(1, BATCH, UNITS))

    def pieces() -> Tensor:
        _, after = layer(input=x[:2], hx=state)
        return loss(layer.forward(x[2:], hx=after)[0][-1])

    whole = gradient_through_time(layer, lambda: loss(layer(x, state)[0][-1]))
    found = gradient_through_time(layer, pieces)
    np.testing.assert_allclose(found.by_state["LSTM.layer0"], whole.by_state["LSTM.layer0"], rtol=1e-12)


def test_what_is_not_one_sequence_of_examples_is_refused() -> None:
    x = randn(STEPS, BATCH, INPUT)
    for settings, message in (
        ({}, r"LSTM.layer0: its state 6 does not depend on the one before; it was called for a second sequence"),
        ({"bidirectional": True}, "LSTM: reads both ways and was called twice"),
    ):
        layer = nn.LSTM(INPUT, UNITS, **settings).double()  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=message):
            gradient_through_time(layer, lambda layer=layer: (layer(x)[0][-1] + layer(-x)[0][-1]).sum(1))  # type: ignore[misc]
    model, norm = Wrapped(), nn.BatchNorm1d(UNITS).double()
    with pytest.raises(ValueError, match="loss of one example depends on another row"):
        gradient_through_time(model, lambda: loss(norm(model(x))), states="cell")
    norm.eval()
    close(gradient_through_time(model, lambda: loss(norm(model(x))), states="cell"),
          reference(model.cell.inner, x, lambda h: loss(norm(h))))  # fmt: skip


@pytest.mark.parametrize("batch", [3, 4])
def test_a_first_axis_that_is_not_the_batch_is_refused(batch: int) -> None:
    stacked, x = Wrapped("stacked, parts"), randn(STEPS, BATCH, INPUT)
    losses = (lambda: loss(stacked(x))[:batch]) if batch == 4 else (lambda: loss(stacked(x))[:3])
    with pytest.raises(ValueError, match="must be one per example" if batch == 4 else "its first axis must be the"):
        gradient_through_time(stacked, losses, states="cell")


def test_what_is_not_the_state_is_an_error_and_never_zeros() -> None:
    x = randn(STEPS, BATCH, INPUT)
    model = Wrapped()
    for state_of, message in (
        (lambda o: [each.clone() for each in o], "cell: state_of makes a new tensor"),
        (lambda o: torch.stack(o), "cell: state_of makes a new tensor"),
        (lambda _: None, "cell: its output has no tensor"),
    ):
        with pytest.raises(ValueError, match=message):
            gradient_through_time(model, lambda: loss(model(x)), states="cell", state_of=state_of)
    aside = Wrapped("beside a readout")
    with pytest.raises(ValueError, match=r"cell: (its state 2 does not|the losses do not depend)"):
        gradient_through_time(aside, lambda: loss(aside(x)), states="cell", state_of=lambda o: o[0])
    zero = gradient_through_time(model, lambda: loss(0 * model(x)), states="cell")
    assert not zero.by_state["cell"].any()


def test_wrong_arguments_and_losses_are_one_line() -> None:
    model, x = Wrapped(), randn(STEPS, BATCH, INPUT)

    def without_gradients() -> Tensor:
        with torch.no_grad():
            return loss(model(x))

    good = lambda: loss(model(x))  # noqa: E731
    for arguments, message in (
        ((model, lambda: good().detach(), "cell"), "without gradient: it is detached"),
        ((model, lambda: good()[:2], "cell"), r"losses of shape \(2,\)"),
        ((model, lambda: good().sum(), "cell"), r"losses of shape \(\)"),
        ((model, without_gradients, "cell"), "ran without gradients"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            gradient_through_time(*arguments)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def test_a_cell_here_and_lost_steps() -> None:
    layer, x = Recurrent(Lstm(INPUT, UNITS)).double(), randn(STEPS, BATCH, INPUT)
    early = gradient_through_time(layer, lambda: loss(layer(x)[0][1]))
    assert np.flatnonzero(early.norms["cell"]).tolist() == [0, 1]
    with pytest.raises(ValueError, match="cell: the losses do not depend on the state"):
        gradient_through_time(layer, lambda: (layer(x)[0][1].detach() + layer.cell.W_f.weight.sum()).sum(1))
