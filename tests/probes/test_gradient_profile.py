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
from rnnbench.model import Model
from rnnbench.probes.gradient_profile import GradientProfile, gradient_norms_through_time
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.copy_memory import CopyMemory

INPUT, HIDDEN = 2, 4


def norms_by_state(model: Model, task: Task, batch: Batch) -> np.ndarray:
    """The profile of each state tensor, of the loss over all scored steps."""
    return gradient_norms_through_time(model, task, batch, "all").by_state


class ScaledSum(Task):
    """Loss of an example: the sum over its scored steps of the outputs times the targets, over their number."""

    input_size = INPUT
    output_size = 1
    baseline_loss = 0.0

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        raise NotImplementedError

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs * targets).sum(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        raise NotImplementedError


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
        self.start = a

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (self.a * h + self.W(x),)

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        nn.init.constant_(self.a, self.start)


class ScaledIdentity(Rnn):
    """A relu network with U = a I, W > 0 and b = 0: on positive inputs it is linear, h' = a h + W x."""

    def __init__(self, input_size: int, hidden_size: int, a: float = 0.5) -> None:
        super().__init__(input_size, hidden_size, activation="relu")
        self.a = a

    def initialise(self, generator: torch.Generator) -> None:
        super().initialise(generator)
        with torch.no_grad():
            self.W.weight.abs_()
            self.W.bias.zero_()
            self.U.weight.copy_(self.a * torch.eye(self.hidden_size))


def built(make_cell: Callable[[int, int], Cell], layers: int = 1, backend: str = "auto", seed: int = 0) -> Model:
    generator = torch.Generator().manual_seed(seed)
    return Model(
        make_cell,
        input_size=INPUT,
        output_size=1,
        hidden_size=HIDDEN,
        layers=layers,
        backend=backend,
        generator=generator,
    ).double()


def drawn(steps: int, batch: int, scored: int, **more: Tensor) -> Batch:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(steps, batch, INPUT, generator=generator, dtype=torch.float64) + 0.1
    return Batch(inputs, torch.randn(scored, batch, 1, generator=generator, dtype=torch.float64), **more)


def losses_with_a_changed_state(
    model: Model, task: Task, batch: Batch, layer: int, state: int, time: int, change: Tensor
) -> Tensor:
    """The loss of each example when `change` is added to one state tensor of one layer after one step."""
    sequence = batch.inputs
    for index, cell in enumerate(model.cells):
        current, outputs = cell.initial_state(sequence.shape[1]), []
        for step, x in enumerate(sequence):
            current = cell.step(x, current)
            if (index, step) == (layer, time):
                current = tuple(tensor + change if each == state else tensor for each, tensor in enumerate(current))
            outputs.append(current[0])
        sequence = torch.stack(outputs)
    return task.losses(model.readout(sequence[len(sequence) - len(batch.targets) :]), batch)


@torch.no_grad()
def norms_by_finite_differences(model: Model, task: Task, batch: Batch, width: float = 1e-5) -> np.ndarray:
    """The norm of each example's central differences, for (layer, state, step, example)."""
    steps, examples = batch.inputs.shape[:2]
    states = len(model.cells[0].state_names)
    norms = np.zeros((len(model.cells), states, steps, examples))
    for layer, state, time in np.ndindex(*norms.shape[:3]):
        gradient = torch.zeros(examples, HIDDEN, dtype=torch.float64)
        for unit in range(HIDDEN):
            change = torch.zeros(examples, HIDDEN, dtype=torch.float64)
            change[:, unit] = width
            above = losses_with_a_changed_state(model, task, batch, layer, state, time, change)
            below = losses_with_a_changed_state(model, task, batch, layer, state, time, -change)
            gradient[:, unit] = (above - below) / (2 * width)
        norms[layer, state, time] = gradient.norm(dim=1).numpy()
    return norms


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("make_cell", "backend"),
    [(Rnn, "torch"), (Lstm, "torch"), (GruTorch, "torch"), (Rnn, "auto"), (Lstm, "auto")]
    + [(cell, "eager") for cell in (Rnn, Gru, GruTorch, Lstm)],
)
@pytest.mark.parametrize("scored", [1, 3])
def test_equals_finite_differences(make_cell: type[Cell], backend: str, layers: int, scored: int) -> None:
    model, task, batch = built(make_cell, layers, backend), Squared(), drawn(5, 3, scored)
    expected = norms_by_finite_differences(model, task, batch)
    assert expected.shape == (layers, len(make_cell.state_names), 5, 3)
    actual = gradient_norms_through_time(model, task, batch, "all")
    np.testing.assert_allclose(actual.by_state, expected.mean(3), rtol=1e-6, atol=1e-10)
    # The gradient of h and c together is the two side by side, example by example.
    whole = np.sqrt((expected**2).sum(axis=1)).mean(2)
    np.testing.assert_allclose(actual.whole_state, whole, rtol=1e-6, atol=1e-10)


class OneStep(Squared):
    """The squared error of the step of that index among the scored ones, alone."""

    def __init__(self, index: int) -> None:
        self.index = index

    def losses(self, outputs: Tensor, batch: Batch) -> Tensor:
        return super().step_losses(outputs, batch.targets)[self.index]


@pytest.mark.parametrize("backend", ["eager", "torch", "fused"])
@pytest.mark.parametrize(("loss_at", "index"), [("last", 2), (5, 2), (3, 0)])
def test_the_loss_of_one_step_equals_finite_differences(backend: str, loss_at: int | str, index: int) -> None:
    """Steps 3, 4 and 5 of five are scored; what follows the step whose loss it is does not count."""
    model, batch = built(Lstm, 2, backend), drawn(5, 3, 3)
    expected = norms_by_finite_differences(model, OneStep(index), batch)
    actual = gradient_norms_through_time(model, Squared(), batch, loss_at)
    whole = np.sqrt((expected**2).sum(axis=1)).mean(2)
    np.testing.assert_allclose(actual.whole_state, whole, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(actual.by_state, expected.mean(3), rtol=1e-6, atol=1e-10)
    assert (actual.whole_state[:, 3 + index :] == 0).all()


def test_one_scored_step_is_the_last_and_all() -> None:
    model, batch = built(Lstm), drawn(6, 3, 1)
    last, every, sixth = (gradient_norms_through_time(model, Squared(), batch, at) for at in ("last", "all", 6))
    for other in (every, sixth):
        np.testing.assert_array_equal(last.whole_state, other.whole_state)


def test_a_loss_at_every_step_hides_the_decay_that_the_last_ones_shows() -> None:
    """h' = h / 2 + W x with a target at each step: g_t falls as 2^-(T - t) for the last, and hardly for the mean."""
    model = built(lambda input_size, hidden_size: Linear(input_size, hidden_size, a=0.5))
    batch = Batch(torch.ones(30, 2, INPUT).double(), torch.ones(30, 2, 1).double())
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
    model, whole = built(lambda m, n: Linear(m, n, a=0.5)), drawn(5, 2, 5)
    batch = Batch(whole.inputs, whole.targets, scored=scored)
    norms = gradient_norms_through_time(model, ScaledSum(), batch, "last").whole_state[0]
    sizes = [abs(float(whole.targets[2, 0])), abs(float(whole.targets[3, 1]))]
    terms = [
        [size * 0.5 ** (end - t) if t <= end else 0 for t in range(5)] for size, end in zip(sizes, (2, 3), strict=True)
    ]
    np.testing.assert_allclose(norms, np.mean(terms, axis=0) * model.readout.weight.norm().item(), rtol=1e-12)


@pytest.mark.parametrize("loss_at", [1, 2, 6])
def test_a_step_that_is_not_scored_is_refused(loss_at: int) -> None:
    with pytest.raises(ValueError, match=rf"^loss_at={loss_at}: must be a step with a target in every example; 3 is "):
        gradient_norms_through_time(built(Rnn), Squared(), drawn(5, 2, 3), loss_at)


@pytest.mark.parametrize("loss_at", [0, -1, "first", 2.5])
def test_wrong_setting(loss_at: int | str) -> None:
    with pytest.raises(ValueError, match=rf"^loss_at={loss_at}: must be all, last or a step, from 1 on$"):
        GradientProfile(loss_at=loss_at)


def test_equals_finite_differences_on_a_real_task() -> None:
    task = Adding(length=6)
    model = built(Gru)
    batch = task.draw(4, torch.Generator().manual_seed(2))
    batch = Batch(batch.inputs.double(), batch.targets.double())
    expected = norms_by_finite_differences(model, task, batch).mean(3)
    np.testing.assert_allclose(norms_by_state(model, task, batch), expected, rtol=1e-6, atol=1e-10)


def test_the_last_state_of_a_classifier_by_hand() -> None:
    """With cross-entropy averaged over S scored steps, d loss / d h_T = V^T (softmax(y_T) - one_hot) / S."""
    task = CopyMemory(length=3)
    generator = torch.Generator().manual_seed(0)
    model = Model(Gru, input_size=task.input_size, output_size=task.output_size, hidden_size=8, generator=generator)
    model = model.double()
    batch = task.draw(5, generator)
    batch = Batch(batch.inputs.double(), batch.targets)
    with torch.no_grad():
        probabilities = model.predict(batch)[-1].softmax(1)
        error = probabilities - functional.one_hot(batch.targets[-1], task.output_size)
        expected = (error @ model.readout.weight / len(batch.targets)).norm(dim=1).mean().item()
    assert norms_by_state(model, task, batch)[0, 0, -1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("make_cell", "backend"), [(Linear, "eager"), (ScaledIdentity, "eager"), (ScaledIdentity, "torch")]
)
@pytest.mark.parametrize("a", [0.5, 0.875, 1.0, 1.125])  # exact in float32, in which weights are drawn
def test_equals_the_closed_form_of_a_linear_network(make_cell: Callable[..., Cell], backend: str, a: float) -> None:
    """With a loss at the end only, g_t = |a|^(T - t) g_T, and g_T is the mean of |target| times the readout's norm."""
    steps = 40
    model = built(lambda input_size, hidden_size: make_cell(input_size, hidden_size, a=a), backend=backend)
    batch = drawn(steps, 3, 1)
    measurement = GradientProfile().measure(model, ScaledSum(), batch)
    last = batch.targets.abs().mean().item() * model.readout.weight.norm().item()
    expected = a ** np.arange(steps - 1, -1, -1.0) * last
    np.testing.assert_allclose(measurement.arrays["norm"], expected[None], rtol=1e-10)
    np.testing.assert_allclose(measurement.arrays["norm_by_state"], expected[None, None], rtol=1e-10)
    decay = -math.log10(a)
    assert measurement.scalars["gradient_decades_lost"] == pytest.approx((steps - 1) * decay, abs=1e-12)
    if a == 1:
        return  # a constant has no R^2
    assert measurement.scalars["gradient_decay"] == pytest.approx(decay, abs=1e-12)
    half_life, why = (math.log10(2) / decay, "") if a < 1 else (math.nan, "does not decay")
    assert measurement.scalars["gradient_half_life"] == pytest.approx(half_life, nan_ok=True)
    assert measurement.scalars["gradient_half_life_undefined"] == why


def test_negative_recurrence_has_the_profile_of_its_size() -> None:
    model = built(lambda input_size, hidden_size: Linear(input_size, hidden_size, a=-0.75))
    norms = norms_by_state(model, ScaledSum(), drawn(10, 2, 1))[0, 0]
    np.testing.assert_allclose(norms[1:] / norms[:-1], 1 / 0.75, rtol=1e-12)


def test_losses_at_every_step_add_up() -> None:
    """With all targets 1 and S = T: d loss / d h_t = v / T times sum_{k=0}^{T-t} a^k."""
    steps, a = 6, 0.5
    model = built(lambda input_size, hidden_size: Linear(input_size, hidden_size, a=a))
    batch = Batch(torch.ones(steps, 2, INPUT).double(), torch.ones(steps, 2, 1).double())
    sums = np.array([sum(a**k for k in range(steps - t)) for t in range(steps)])
    expected = sums / steps * model.readout.weight.norm().item()
    np.testing.assert_allclose(norms_by_state(model, ScaledSum(), batch)[0, 0], expected, rtol=1e-12)


def test_two_linear_layers_by_hand() -> None:
    """The lower layer's gradient is sum_{s >= t} (a^(T - s) W^T v) a^(s - t) = (T - t + 1) a^(T - t) W^T v."""
    steps, a = 7, 0.5
    model = built(lambda input_size, hidden_size: Linear(input_size, hidden_size, a=a), layers=2)
    batch = Batch(torch.ones(steps, 1, INPUT).double(), torch.ones(1, 1, 1).double())
    remaining = np.arange(steps - 1, -1, -1.0)
    readout = model.readout.weight[0]
    lower = (model.cells[1].W.weight.T @ readout).norm().item()
    norms = norms_by_state(model, ScaledSum(), batch)
    np.testing.assert_allclose(norms[1, 0], a**remaining * readout.norm().item(), rtol=1e-12)
    np.testing.assert_allclose(norms[0, 0], (remaining + 1) * a**remaining * lower, rtol=1e-12)


@pytest.mark.parametrize(("make_cell", "backend"), [(Lstm, "eager"), (Lstm, "torch"), (Gru, "eager")])
def test_padding_steps_are_left_out_of_the_mean(make_cell: type[Cell], backend: str) -> None:
    """Each example's profile is the one it has alone; the mean is over those that are still there."""
    lengths = torch.tensor([6, 2, 4])
    model = built(make_cell, layers=2, backend=backend)
    task = Squared()
    steps = int(lengths.max())
    padded = drawn(steps, 3, steps)
    scored = torch.arange(steps).unsqueeze(1) == lengths - 1  # a target at each example's own end
    batch = Batch(padded.inputs, padded.targets, scored=scored, lengths=lengths)
    alone = []
    for example, length in enumerate(lengths.tolist()):
        own = slice(example, example + 1)
        single = Batch(padded.inputs[:length, own], padded.targets[length - 1 : length, own])
        alone.append(norms_by_state(model, task, single))
    norms = norms_by_state(model, task, batch)
    for time in range(steps):
        present = [profile[:, :, time] for profile in alone if profile.shape[2] > time]
        np.testing.assert_allclose(norms[:, :, time], np.mean(present, axis=0), rtol=1e-10)


def test_steps_that_are_padding_for_everyone_are_no_number_and_do_not_spoil_the_decay() -> None:
    lengths = torch.tensor([4, 3])
    scored = torch.arange(6).unsqueeze(1) == lengths - 1
    batch = Batch(torch.ones(6, 2, INPUT).double(), torch.ones(6, 2, 1).double(), scored=scored, lengths=lengths)
    model = built(lambda input_size, hidden_size: Linear(input_size, hidden_size, a=0.5))
    measurement = GradientProfile().measure(model, ScaledSum(), batch)
    norms = measurement.arrays["norm"][0]
    assert np.isnan(norms[4:]).all()
    assert np.isfinite(norms[:4]).all()
    assert math.isfinite(measurement.scalars["gradient_decay"])


def test_a_target_before_the_end_leaves_zeros_after_it() -> None:
    scored = torch.zeros(5, 2, dtype=torch.bool)
    scored[2] = True
    batch = Batch(torch.ones(5, 2, INPUT).double(), torch.ones(5, 2, 1).double(), scored=scored)
    norms = norms_by_state(built(Lstm), Squared(), batch)
    assert (norms[0, :, :3].sum(1) > 0).all()
    np.testing.assert_array_equal(norms[0, 0, 3:], 0)
    np.testing.assert_array_equal(norms[0, 1, 3:], 0)


def test_a_cells_last_memory_reaches_the_loss_only_through_later_steps() -> None:
    """h'_T holds c_T already, so with c_T alone changed after the last step, the loss stays."""
    norms = norms_by_state(built(Lstm), Squared(), drawn(4, 2, 1))
    assert norms[0, 1, -1] == 0
    assert (norms[0, 1, :-1] > 0).all()


@pytest.mark.parametrize("backend", ["eager", "torch"])
def test_weights_and_the_batch_are_left_alone(backend: str) -> None:
    model, batch = built(Lstm, backend=backend), drawn(4, 2, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inputs = batch.inputs.clone()
    first = norms_by_state(model, Squared(), batch)
    second = norms_by_state(model, Squared(), batch)
    np.testing.assert_array_equal(first, second)  # gradients that are left behind do not add up
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(batch.inputs, inputs)


def test_small_gradients_do_not_underflow_in_the_square() -> None:
    """In float32, 1e-30 squared is 0; its norm is not."""
    steps, a = 31, 0.1
    generator = torch.Generator().manual_seed(0)
    model = Model(
        lambda input_size, hidden_size: Linear(input_size, hidden_size, a=a),
        input_size=INPUT,
        output_size=1,
        hidden_size=HIDDEN,
        generator=generator,
    )
    batch = Batch(torch.ones(steps, 2, INPUT), torch.ones(1, 2, 1))
    norms = norms_by_state(model, ScaledSum(), batch)[0, 0]
    assert norms[0] == pytest.approx(1e-30 * model.readout.weight.norm().item(), rel=1e-4)


@pytest.fixture
def flushed_denormals() -> Iterator[None]:
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("flushed_denormals")
def test_gradients_that_underflow_are_zero_and_the_decay_is_that_of_the_rest() -> None:
    steps, a = 80, 0.1
    generator = torch.Generator().manual_seed(0)
    model = Model(
        lambda input_size, hidden_size: Linear(input_size, hidden_size, a=a),
        input_size=INPUT,
        output_size=1,
        hidden_size=HIDDEN,
        backend="eager",  # fused rounds to zero from 1e-32 on
        generator=generator,
    )
    batch = Batch(torch.ones(steps, 2, INPUT), torch.ones(1, 2, 1))
    measurement = GradientProfile().measure(model, ScaledSum(), batch)
    norms = measurement.arrays["norm"][0]
    assert (norms[: steps - 40] == 0).all()
    assert (norms[steps - 37 :] > 0).all()
    assert measurement.scalars["gradient_decay"] == pytest.approx(1, rel=0.01)


class Counting(Cell):
    """A state tensor that nothing trained reaches."""

    state_names = ("h", "count")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        h, count = state
        return (torch.tanh(self.W(x) + self.U(h)) / (1 + count), count + 1)


@pytest.mark.parametrize("backend", ["eager", "fused"])
def test_a_state_that_nothing_trained_reaches_has_its_gradient(backend: str) -> None:
    batch = drawn(4, 2, 1)
    model = built(Counting, backend=backend)
    norms = norms_by_state(model, Squared(), batch)
    assert (norms[0, 0] > 0).all()
    # By finite differences: the counter is moved by a half step up and down after step t, for each example and unit.
    cell, step = model.cells[0], 1e-5

    def losses(moved_after: int, unit: int, by: float) -> Tensor:
        state = cell.initial_state(2)
        for time, x in enumerate(batch.inputs):
            state = cell.step(x, state)
            if time == moved_after:
                count = state[1].clone()
                count[:, unit] += by
                state = (state[0], count)
        return Squared().losses(model.readout(state[0]).unsqueeze(0), batch)

    with torch.no_grad():
        for time in range(4):
            slopes = [(losses(time, unit, step) - losses(time, unit, -step)) / (2 * step) for unit in range(HIDDEN)]
            expected = torch.stack(slopes, dim=1).norm(dim=1).mean().item()
            assert norms[0, 1, time] == pytest.approx(expected, rel=1e-6, abs=1e-10)
