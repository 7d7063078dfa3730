"""The gradient profile against finite differences, the closed form of a linear network, and hand-made cases.

g_t is the mean over the batch of the L2 norm of the derivative of an example's loss with respect to the state after
step t, all tensors of the state tuple together. `by_state` is the same for one tensor, the others held as they are:
what a change of that tensor alone, just after step t, does to the loss through everything that follows.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.cells.states import example_norms
from rnnbench.model import Model
from rnnbench.probes.gradient_profile import GradientProfile, gradient_norms_through_time
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.copy_memory import CopyMemory
from tests.long import long_but
from tests.probes.references import ODD, Counting, drawn, in_double, model_of, state_gradient

INPUT, HIDDEN = 2, 4


class ScaledSum(Task):
    """Loss of an example: the sum over its scored steps of the outputs times the targets, over their number."""

    input_size = INPUT
    output_size = 1

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        raise NotImplementedError

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs * targets).sum(2)


class Squared(ScaledSum):
    """Loss of a step: the squared error, which curves, unlike ScaledSum's."""

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().sum(2)


class Linear(Cell):
    """h' = a h + W x, by element: d h_T / d h_t = a^(T - t)."""

    def __init__(self, input_size: int, hidden_size: int, a: float = 0.5) -> None:
        super().__init__(input_size, hidden_size)
        self.W = self.input_map(bias=False)
        self.a = nn.Parameter(torch.tensor(a))

    def step(self, x: Tensor, state: State) -> State:
        return (self.a * state[0] + self.W(x),)


def built(make_cell: Callable[[int, int], Cell], layers: int = 1, backend: str = "auto") -> Model:
    return in_double(model_of(make_cell, HIDDEN, layers, backend=backend))


def linear(a: float = 0.5) -> Model:
    return built(lambda m, n: Linear(m, n, a=a))


def random_batch(steps: int, batch: int, scored: int) -> Batch:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(steps, batch, INPUT, generator=generator, dtype=torch.float64) + 0.1
    return Batch(inputs, torch.randn(scored, batch, 1, generator=generator, dtype=torch.float64))


def ones(steps: int, **more: Tensor) -> Batch:
    return Batch(torch.ones(steps, 2, INPUT).double(), torch.ones(steps, 2, 1).double(), **more)


RUN_BY = [
    (Rnn, "torch"), (Lstm, "torch"), (GruTorch, "torch"), (Lstm, "auto"), (Counting, "fused"),
    *((cell, "eager") for cell in (Rnn, Gru, Lstm, Counting)), *((cell, "eager") for cell in ODD),
]  # fmt: skip


@pytest.mark.parametrize(("make_cell", "backend"), long_but([run for run in RUN_BY if run[1] != "fused"], RUN_BY))
@pytest.mark.parametrize(
    ("scored", "loss_at", "first", "last"), [(1, "all", 0, 1), (3, "all", 0, 3), (3, "last", 2, 3), (3, 3, 0, 1)]
)
def test_equals_finite_differences(
    make_cell: type[Cell], backend: str, scored: int, loss_at: int | str, first: int, last: int
) -> None:
    """Of five steps the last are scored, and of these the first to last count; what follows them does not."""
    model, batch = built(make_cell, 2, backend), random_batch(5, 3, scored)
    actual = gradient_norms_through_time(model, Squared(), batch, loss_at)

    def losses(outputs: Tensor) -> Tensor:
        return (outputs[-scored:] - batch.targets)[first:last].square().mean((0, 2))

    for layer, time in np.ndindex(2, 5):
        gradient = state_gradient(model, batch.inputs, losses, layer, time)
        norms = torch.stack([example_norms(tensor, 1) for tensor in gradient])
        expected = norms.mean(1).numpy()
        np.testing.assert_allclose(actual.by_state[layer, :, time], expected, rtol=1e-6, atol=1e-10)
        # The gradient of h and c together is the two side by side, example by example.
        whole = float(norms.norm(dim=0).mean())
        assert actual.whole_state[layer, time] == pytest.approx(whole, rel=1e-6, abs=1e-10)
    assert (actual.whole_state[:, 5 - scored + last :] == 0).all()


def test_a_loss_at_every_step_hides_the_decay_that_the_last_ones_shows() -> None:
    """h' = h / 2 + W x with a target at each step: g_t falls as 2^-(T - t) for the last, and hardly for the mean."""
    model, batch = linear(), ones(30)
    last = GradientProfile().measure(model, ScaledSum(), batch).scalars
    assert last["gradient_loss_at"] == "last scored step"
    assert last["gradient_half_life"] == pytest.approx(1)
    assert last["gradient_decades_lost"] == pytest.approx(29 * math.log10(2))
    every = GradientProfile(loss_at="all").measure(model, ScaledSum(), batch).scalars
    assert every["gradient_loss_at"] == "all scored steps"
    assert abs(every["gradient_decades_lost"]) <= math.log10(2)
    assert math.isnan(every["gradient_half_life"])
    assert GradientProfile(loss_at=7).measure(model, ScaledSum(), batch).scalars["gradient_loss_at"] == "step 7"


def test_the_last_scored_step_is_each_examples_own() -> None:
    scored = torch.tensor([[True, True], [True, False], [True, True], [False, True], [False, False]])
    model, whole = linear(), random_batch(5, 2, 5)
    batch = Batch(whole.inputs, whole.targets, scored=scored)
    norms = gradient_norms_through_time(model, ScaledSum(), batch, "last").whole_state[0]
    sizes = [abs(float(whole.targets[2, 0])), abs(float(whole.targets[3, 1]))]
    terms = [
        [size * 0.5 ** (end - t) if t <= end else 0 for t in range(5)] for size, end in zip(sizes, (2, 3), strict=True)
    ]
    np.testing.assert_allclose(norms, np.mean(terms, axis=0) * model.readout.weight.norm().item(), rtol=1e-12)


def test_wrong_loss_at() -> None:
    for loss_at in (1, 2, 6):
        with pytest.raises(ValueError, match=rf"^loss_at={loss_at}: must be a step with a target in every example; 3"):
            gradient_norms_through_time(built(Rnn), Squared(), random_batch(5, 2, 3), loss_at)
    for wrong in (0, "first", 2.5):
        with pytest.raises(ValueError, match=rf"^loss_at={wrong}: must be all, last or a step, from 1 on$"):
            GradientProfile(loss_at=wrong)  # type: ignore[arg-type]


def test_the_last_state_of_a_classifier_by_hand() -> None:
    """With cross-entropy averaged over S scored steps, d loss / d h_T = V^T (softmax(y_T) - one_hot) / S."""
    task = CopyMemory(length=3)
    model = model_of(Gru, 8, input_size=task.input_size, output_size=task.output_size).double()
    batch = drawn(task, 5)
    with torch.no_grad():
        error = model.predict(batch)[-1].softmax(1) - functional.one_hot(batch.targets[-1], task.output_size)
        expected = (error @ model.readout.weight / len(batch.targets)).norm(dim=1).mean().item()
    found = gradient_norms_through_time(model, task, batch, "all").by_state[0, 0, -1]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("a", [0.5, 1.0, 1.125, -0.75])  # exact in float32, in which weights are drawn
def test_equals_the_closed_form_of_a_linear_network(a: float) -> None:
    """With a loss at the end only, g_t = |a|^(T - t) g_T, and g_T is the mean of |target| times the readout's norm."""
    steps = 40
    model, batch = built(lambda m, n: Linear(m, n, a=a), backend="eager"), random_batch(steps, 3, 1)
    measurement = GradientProfile().measure(model, ScaledSum(), batch)
    last = batch.targets.abs().mean().item() * model.readout.weight.norm().item()
    expected = abs(a) ** np.arange(steps - 1, -1, -1.0) * last
    np.testing.assert_allclose(measurement.arrays["norm"], expected[None], rtol=1e-10)
    np.testing.assert_allclose(measurement.arrays["norm_by_state"], expected[None, None], rtol=1e-10)
    decay = -math.log10(abs(a))
    assert measurement.scalars["gradient_decades_lost"] == pytest.approx((steps - 1) * decay, abs=1e-12)
    if a == 1:
        return  # a constant has no R^2
    assert measurement.scalars["gradient_decay"] == pytest.approx(decay, abs=1e-12)
    half_life, why = (math.log10(2) / decay, "") if abs(a) < 1 else (math.nan, "does not decay")
    assert measurement.scalars["gradient_half_life"] == pytest.approx(half_life, nan_ok=True)
    assert measurement.scalars["gradient_half_life_undefined"] == why


@pytest.mark.parametrize(("make_cell", "backend"), [(Lstm, "eager"), (Lstm, "torch")])
def test_padding_steps_are_left_out_of_the_mean(make_cell: type[Cell], backend: str) -> None:
    """Each example's profile is the one it has alone; the mean is over those that are still there."""
    lengths = torch.tensor([6, 2, 4])
    model, whole = built(make_cell, 2, backend), random_batch(6, 3, 6)
    scored = torch.arange(6).unsqueeze(1) == lengths - 1  # a target at each example's own end
    batch = Batch(whole.inputs, whole.targets, scored=scored, lengths=lengths)
    alone = []
    for example, length in enumerate(lengths.tolist()):
        own = slice(example, example + 1)
        single = Batch(whole.inputs[:length, own], whole.targets[length - 1 : length, own])
        alone.append(gradient_norms_through_time(model, Squared(), single).by_state)
    norms = gradient_norms_through_time(model, Squared(), batch, "all").by_state
    for time in range(6):
        present = [profile[:, :, time] for profile in alone if profile.shape[2] > time]
        np.testing.assert_allclose(norms[:, :, time], np.mean(present, axis=0), rtol=1e-10)


def test_steps_that_are_padding_for_everyone_are_no_number_and_do_not_spoil_the_decay() -> None:
    lengths = torch.tensor([4, 3])
    batch = ones(6, scored=torch.arange(6).unsqueeze(1) == lengths - 1, lengths=lengths)
    measurement = GradientProfile().measure(linear(), ScaledSum(), batch)
    norms = measurement.arrays["norm"][0]
    assert np.isnan(norms).tolist() == [False] * 4 + [True] * 2
    assert math.isfinite(measurement.scalars["gradient_decay"])


@pytest.fixture
def flushed_denormals() -> Iterator[None]:
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


class Narrow(Linear):
    """Computes in float32 whatever its weights are."""

    def step(self, x: Tensor, state: State) -> State:
        return ((self.a * state[0].float()).to(x.dtype) + self.W(x),)


@pytest.mark.usefixtures("flushed_denormals")
@pytest.mark.parametrize("backend", ["eager", "fused"])
def test_three_hundred_decades_are_measured_on_weights_as_they_are_now(backend: str) -> None:
    """g_t = a^(T - t) g_T down to 1e-299, of weights in float32 and after they have changed; below that it is 0."""
    model = model_of(lambda m, n: Linear(m, n, a=0.125), backend=backend)
    batch = Batch(torch.ones(400, 2, INPUT), torch.ones(1, 2, 1))
    for a in (0.125, 0.0625):
        model.cells[0].get_parameter("a").data.fill_(a)
        model.readout.weight.data.mul_(2)
        measurement = GradientProfile().measure(model, ScaledSum(), batch)
        expected = a ** np.arange(399, -1, -1.0) * model.readout.weight.double().norm().item()
        np.testing.assert_allclose(measurement.arrays["norm"][0], np.where(expected < 1e-299, 0, expected), rtol=1e-6)
        assert measurement.scalars["gradient_precision"] == "float64"
        assert measurement.scalars["gradient_decades_lost"] == math.inf
        assert measurement.scalars["gradient_decay"] == pytest.approx(-math.log10(a))
    assert model.readout.weight.grad is None


@pytest.mark.usefixtures("flushed_denormals")
def test_a_cell_of_its_own_precision_says_so() -> None:
    """In float32, 1e-30 squared is 0 and its norm is not; 1e-40 is 0."""
    model = model_of(lambda m, n: Narrow(m, n, a=0.1), backend="eager")
    measurement = GradientProfile().measure(model, ScaledSum(), Batch(torch.ones(80, 2, INPUT), torch.ones(1, 2, 1)))
    norms = measurement.arrays["norm"][0]
    assert measurement.scalars["gradient_precision"] == "float32"
    assert norms[-31] == pytest.approx(1e-30 * model.readout.weight.norm().item(), rel=1e-4)
    assert (norms[:40] == 0).all()
    assert (norms[43:] > 0).all()
    assert measurement.scalars["gradient_decay"] == pytest.approx(1, rel=0.01)
