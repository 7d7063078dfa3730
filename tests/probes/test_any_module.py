"""The gradient through time of any module: against the probe, loops by hand, finite differences, and torch's layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

import rnnbench
from rnnbench import gradient_through_time
from rnnbench.cells.lstm import Lstm
from rnnbench.model import Model
from rnnbench.probes.gradient_profile import gradient_norms_through_time
from rnnbench.tasks.adding import Adding

STEPS, BATCH, INPUT, UNITS = 6, 3, 2, 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(1)


def inputs() -> Tensor:
    return torch.randn(STEPS, BATCH, INPUT, dtype=torch.double)


class Classifier(nn.Module):
    """A user's model: torch's LSTM and a linear layer on the last output."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.lstm = nn.LSTM(INPUT, UNITS, **settings)
        self.out = nn.LazyLinear(1)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        scores: Tensor = self.out(y[-1])
        return scores.squeeze(1)


def test_the_lstm_of_torch_is_the_profile_of_the_same_lstm_here() -> None:
    task = Adding(length=STEPS)
    model = Model(
        lambda a, b: Lstm(a, b),
        input_size=2,
        output_size=1,
        hidden_size=UNITS,
        generator=torch.Generator().manual_seed(3),
    ).double()
    batch = task.draw(BATCH, torch.Generator().manual_seed(4))
    batch = type(batch)(batch.inputs.double(), batch.targets.double())
    expected = gradient_norms_through_time(model, task, batch)

    theirs = Classifier()
    equivalent = model.cells[0].torch_equivalent()
    assert equivalent is not None
    with torch.no_grad():
        theirs(batch.inputs)
        theirs.lstm.weight_ih_l0.copy_(torch.cat([each.weight for each in equivalent.input_maps]))
        theirs.lstm.weight_hh_l0.copy_(torch.cat([each.weight for each in equivalent.recurrent_maps]))
        theirs.lstm.bias_ih_l0.copy_(torch.cat([each.bias for each in equivalent.input_maps]))
        theirs.lstm.bias_hh_l0.zero_()
        theirs.out.load_state_dict(model.readout.state_dict())
    found = gradient_through_time(theirs, lambda: (theirs(batch.inputs) - batch.targets[0, :, 0]).square())
    np.testing.assert_allclose(found.norms["lstm.layer0"], expected.whole_state[0], rtol=1e-10)
    np.testing.assert_allclose(found.by_state["lstm.layer0"], expected.by_state[0], rtol=1e-10)

    ours = gradient_through_time(model, lambda: task.losses(model.predict(batch), batch))
    np.testing.assert_allclose(ours.norms["layers.0"], expected.whole_state[0], rtol=1e-10)
    assert model.backend.name == "fused"


def test_finite_differences_of_a_two_layer_gru() -> None:
    gru, x = nn.GRU(INPUT, UNITS, 2).double(), inputs()
    weights = torch.randn(STEPS, 1, UNITS, dtype=torch.double)

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
        for layer in range(2):
            for step in range(STEPS):
                gradient = torch.zeros(BATCH, UNITS, dtype=torch.double)
                for unit in range(UNITS):
                    change = torch.zeros(1, BATCH, UNITS, dtype=torch.double)
                    change[..., unit] = 1e-5
                    gradient[:, unit] = (losses(change, layer, step) - losses(-change, layer, step)) / 2e-5
                expected = gradient.norm(dim=1).mean()
                assert found.norms[f"GRU.layer{layer}"][step] == pytest.approx(float(expected), rel=1e-6)


def test_a_cell_of_torch_in_a_loop_and_retain_grad() -> None:
    cell, x = nn.GRUCell(INPUT, UNITS).double(), inputs()

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
    cell.zero_grad()
    found = gradient_through_time(cell, lambda: run([]))
    np.testing.assert_allclose(found.norms["GRUCell"], expected, rtol=1e-12)
    assert all(parameter.grad is None for parameter in cell.parameters())


def test_of_an_lstm_cell_the_derivative_by_c_leaves_the_path_through_h_out() -> None:
    cell, x = nn.LSTMCell(INPUT, UNITS).double(), inputs()

    def losses() -> Tensor:
        state = None
        for step in x:
            state = cell(step, state)
        return state[0].square().sum(1)

    found = gradient_through_time(cell, losses)
    assert found.by_state["LSTMCell"].shape == (2, STEPS)
    assert found.by_state["LSTMCell"][1, -1] == 0  # after the last step the loss sees h alone
    assert found.by_state["LSTMCell"][1, -2] > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"num_layers": 2},
        {"bidirectional": True, "num_layers": 2},
        {"batch_first": True},
        {"bias": False},
        {"proj_size": 2, "num_layers": 2},
        {"num_layers": 2, "dropout": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("start", [False, True])
def test_the_module_computes_what_it_does_alone(kind: Any, settings: dict[str, Any], start: bool) -> None:
    if "proj_size" in settings and kind is not nn.LSTM:
        pytest.skip("a setting of the LSTM")
    module: nn.RNNBase = kind(INPUT, UNITS, **settings).double().eval()
    x = inputs().transpose(0, 1) if module.batch_first else inputs()
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


def test_a_layer_that_reads_backwards_has_its_steps_in_the_order_of_time() -> None:
    module, x = nn.RNN(INPUT, UNITS, bidirectional=True).double(), inputs()
    found = gradient_through_time(module, lambda: module(x)[0][2].square().sum(1))  # the output at step 3 alone
    assert np.flatnonzero(found.norms["RNN.layer0"]).tolist() == [0, 1, 2]
    assert np.flatnonzero(found.norms["RNN.layer0_reverse"]).tolist() == [2, 3, 4, 5]


def test_an_unbatched_sequence_is_one_example() -> None:
    module, x = nn.LSTM(INPUT, UNITS).double(), inputs()[:, 0]
    seen: list[Any] = []

    def losses() -> Tensor:
        seen.append(module(x))
        return seen[0][0][-1].square().sum().unsqueeze(0)

    found = gradient_through_time(module, losses)
    torch.testing.assert_close(seen[0], module(x))
    assert found.norms["LSTM.layer0"].shape == (STEPS,)


class Own(nn.Module):
    """A cell that returns what it reads out beside its state: a complex matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.angle = nn.Parameter(torch.tensor(0.3, dtype=torch.double))
        self.inner = nn.Identity()

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, tuple[Tensor]]:
        state = torch.polar(torch.tensor(0.5, dtype=torch.double), self.angle) * state + x.view(BATCH, 1, 2)
        return state.real.sum((1, 2)), (state,)


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = Own()

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(BATCH, 1, 2, dtype=torch.complex128)
        for step in x:
            y, (state,) = self.cell(step, state)
        return y


def test_a_cell_of_ones_own_with_a_complex_matrix_as_state() -> None:
    model, x = Wrapped(), inputs()
    found = gradient_through_time(model, lambda: model(x), states="cell", state_of=lambda output: output[1])
    # y = Re(1^T s_T), and s_T depends on s_t by 0.5^(T - 1 - t) e^{i..} in each of two numbers
    by_hand = [np.sqrt(2) * 0.5 ** (STEPS - 1 - t) for t in range(STEPS)]
    np.testing.assert_allclose(found.norms["cell"], by_hand, rtol=1e-12)


def summed(module: nn.Module, *arguments: Any) -> Callable[[], Tensor]:
    return lambda: module(*arguments)[0].sum((0, 2))


def test_what_cannot_be_recorded_is_refused() -> None:
    lstm, x = nn.LSTM(INPUT, UNITS).double(), inputs()
    packed = pack_sequence([x[:, 0], x[:4, 1]])
    with pytest.raises(ValueError, match=r"Linear: has no recurrent layer .* states=\.\.\. names the submodule"):
        gradient_through_time(nn.Linear(1, 1), lambda: torch.zeros(1))
    with pytest.raises(ValueError, match="states=cel: no such submodule; there are Wrapped, cell"):
        gradient_through_time(Wrapped(), lambda: torch.zeros(1), states="cel")
    with pytest.raises(
        ValueError, match=r"losses of shape \(\) for a state of LSTM.layer0 of shape \(3, 4\): must be one per example"
    ):
        gradient_through_time(lstm, lambda: lstm(x)[0].sum())
    with pytest.raises(ValueError, match="LSTM: none of LSTM was called"):
        gradient_through_time(lstm, lambda: torch.zeros(3, requires_grad=True))
    with pytest.raises(ValueError, match="packed sequence; pass a padded tensor"):
        gradient_through_time(lstm, lambda: lstm(packed)[0].sum((0, 2)))
    assert "forward" not in vars(lstm)


def test_summary_and_frame() -> None:
    lstm, x = nn.LSTM(INPUT, UNITS).double(), inputs()
    found = gradient_through_time(lstm, summed(lstm, x))
    frame, summary = found.frame(), found.summary()
    assert frame["time_step"].tolist() == list(range(1, STEPS + 1))
    assert frame["norm"].tolist() == found.norms["LSTM.layer0"].tolist()
    lost = np.log10(frame["norm"].iloc[-1] / frame["norm"].iloc[0])
    assert summary["gradient_decades_lost"].tolist() == [pytest.approx(lost)]


def test_the_package_exports_what_it_lists() -> None:
    assert all(callable(getattr(rnnbench, name)) for name in rnnbench.__all__)
    assert set(rnnbench.__all__) <= set(dir(rnnbench))
    with pytest.raises(AttributeError, match="has no attribute lod"):
        _ = rnnbench.lod  # type: ignore[attr-defined]
