"""What every task promises, tested on every YAML in conf/task."""

import math
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from rnnbench.cells.gru import Gru
from rnnbench.model import Model
from rnnbench.tasks import Batch, FiniteTask, Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.copy_memory import CopyMemory
from tests.drawn import seeded

CONFIGURATIONS = sorted((Path(__file__).parents[2] / "conf" / "task").glob("*.yaml"))
SHORT = 24


@pytest.fixture(params=CONFIGURATIONS, ids=lambda path: path.stem)
def name(request: pytest.FixtureRequest) -> str:
    return request.param.stem


@pytest.fixture
def settings(name: str, required_settings: dict[str, dict[str, Any]]) -> DictConfig:
    (path,) = [path for path in CONFIGURATIONS if path.stem == name]
    short = {"length": SHORT} if "length" in OmegaConf.load(path) else {}
    merged = OmegaConf.merge(OmegaConf.load(path), short, required_settings.get(name, {}))
    assert isinstance(merged, DictConfig)
    return merged


@pytest.fixture
def task(settings: DictConfig) -> Task:
    return instantiate(settings)


def assert_same(first: Batch, second: Batch) -> None:
    for field in ("inputs", "targets", "scored", "lengths"):
        one, other = getattr(first, field), getattr(second, field)
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)


def batches_of(task: Task) -> Iterator[Batch]:
    yield task.draw(7, seeded(3))
    yield task.draw(1, seeded(4))
    yield from islice(task.training_batches(3, seeded()), 5)
    yield from task.evaluation_batches("validation", 7, 3, seeded())
    yield from task.evaluation_batches("test", 7, 3, seeded())


def test_trains_in_a_model(task: Task) -> None:
    generator = seeded()
    model = Model(Gru, input_size=task.input_size, output_size=task.output_size, hidden_size=4, generator=generator)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in islice(task.training_batches(8, generator), 3):
        loss = task.losses(model.predict(batch), batch).mean()
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
        optimizer.step()


def test_shapes_agree(task: Task) -> None:
    for batch in batches_of(task):
        steps, examples = batch.inputs.shape[:2]
        if task.vocabulary is None:
            assert batch.inputs.dtype == torch.float32
            assert batch.inputs.shape[2:] == (task.input_size,)
        else:
            assert batch.inputs.dtype == torch.long
            assert batch.inputs.ndim == 2
            assert 0 <= int(batch.inputs.min()) <= int(batch.inputs.max()) < task.vocabulary == task.input_size
        assert batch.targets.shape[1] == examples
        assert 1 <= len(batch.targets) <= steps
        outputs = torch.zeros(len(batch.targets), examples, task.output_size)
        assert task.step_losses(outputs, batch.targets).shape == batch.targets.shape[:2]
        assert task.losses(outputs, batch).shape == task.correct(outputs, batch).shape == (examples,)
        assert task.correct(outputs, batch).dtype == torch.bool


def test_same_generator_state_same_batches(settings: DictConfig) -> None:
    one, other = (instantiate(settings) for _ in range(2))
    assert_same(one.draw(5, seeded(1)), other.draw(5, seeded(1)))
    assert not torch.equal(one.draw(50, seeded(1)).inputs[:3], one.draw(50, seeded(2)).inputs[:3])
    for streams in (
        [task.training_batches(4, seeded(1)) for task in (one, other)],
        [task.evaluation_batches("test", 10, 4, seeded(1)) for task in (one, other)],
    ):
        for pair in zip(*(islice(stream, 6) for stream in streams), strict=True):
            assert_same(*pair)


def test_global_generators_are_untouched(settings: DictConfig) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    for _ in batches_of(instantiate(settings)):
        pass
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]


def test_evaluation_yields_what_was_asked(task: Task) -> None:
    for split in ("validation", "test"):
        sizes = [batch.inputs.shape[1] for batch in task.evaluation_batches(split, 10, 4, seeded())]
        if isinstance(task, FiniteTask):
            assert sum(sizes) == task.split_size(split)
            assert sizes[:-1] == [4] * (len(sizes) - 1)
        else:
            assert sizes == [4, 4, 2]


def test_masks_are_right_at_the_edges(task: Task) -> None:
    """Only real steps are scored, padding is zero and counts for nothing, and all examples have a scored step."""
    for batch in batches_of(task):
        steps = len(batch.inputs)
        lengths = torch.full((batch.inputs.shape[1],), steps) if batch.lengths is None else batch.lengths
        real = torch.arange(steps).unsqueeze(1) < lengths
        assert lengths.min() >= 1
        assert lengths.max() <= steps
        assert not batch.inputs[~real].any()
        if batch.scored is None:
            assert bool(real[-len(batch.targets) :].all())
            continue
        assert not (batch.scored & ~real[-len(batch.targets) :]).any()
        assert batch.scored.any(0).all()
        assert torch.equal(batch.weights, batch.scored.sum(0).float())
        outputs = torch.randn(*batch.scored.shape, task.output_size, generator=seeded())
        spoiled = torch.where(batch.scored.unsqueeze(2), outputs, outputs + 100)
        assert torch.equal(task.losses(outputs, batch), task.losses(spoiled, batch))
        assert torch.equal(task.correct(outputs, batch), task.correct(spoiled, batch))
        for example in range(batch.inputs.shape[1]):
            kept = batch.scored[:, example]
            alone = task.step_losses(outputs[kept, example].unsqueeze(1), batch.targets[kept, example].unsqueeze(1))
            torch.testing.assert_close(task.losses(outputs, batch)[example], alone.mean())


def log_probabilities(batch: Batch, probabilities: list[float]) -> Tensor:
    """The same class probabilities at every scored step."""
    logits = torch.tensor(probabilities, dtype=torch.float64).log().clamp(min=-1e4)
    return logits.expand(*batch.targets.shape[:2], len(probabilities))


def blank_then_guess(task: Any, batch: Batch, symbols: int) -> Tensor:
    outputs = log_probabilities(batch, [1.0] + [0.0] * (task.output_size - 1)).clone()
    guess = [0.0] + [1 / (task.output_size - 1)] * (task.output_size - 1)
    outputs[-symbols:] = log_probabilities(batch, guess)[-symbols:]
    return outputs


def constant(batch: Batch, value: float) -> Tensor:
    return torch.full(batch.targets.shape, value, dtype=torch.float64)


def key_frequencies(task: Any, batch: Batch) -> Tensor:
    (whole,) = islice(task.training_batches(task.split_size("training"), seeded()), 1)
    return torch.logit(whole.targets[whole.scored].double().mean(0), eps=1e-12).expand(batch.targets.shape)


def class_frequencies(task: Any, batch: Batch) -> Tensor:
    (whole,) = islice(task.training_batches(task.split_size("training"), seeded()), 1)
    scored = whole.targets.flatten() if whole.scored is None else whole.targets[whole.scored]
    counts = torch.tensor([1.0 + int((scored == each).sum()) for each in range(task.output_size)], dtype=torch.float64)
    return log_probabilities(batch, (counts / counts.sum()).tolist())


# What a predictor answers that knows the task, the clock and nothing of the sequence.
CONSTANTS: dict[str, Callable[[Any, Batch], Tensor]] = {
    "adding": lambda task, batch: constant(batch, 1.0),
    "hochreiter_adding": lambda task, batch: constant(batch, 0.0),
    "hochreiter_order": lambda task, batch: torch.logit(torch.tensor([0.25] * 4)).expand(*batch.targets.shape, 4),
    # P(a mark on the first pair) at length 24: 1/10 + 9/10 / 11; E[product] = (1 + p) / 4.
    "multiplication": lambda task, batch: constant(batch, (1 + 0.1 + 0.9 / 11) / 4),
    "xor": lambda task, batch: constant(batch, 0.0),
    "temporal_order": lambda task, batch: log_probabilities(batch, [0.25] * 4),
    "random_permutation": lambda task, batch: log_probabilities(batch, [0.5, 0.5] + [0.0] * 98),
    "copy_memory": lambda task, batch: blank_then_guess(task, batch, 10),
    "noiseless_memorization": lambda task, batch: blank_then_guess(task, batch, 5),
    "selective_copying": lambda task, batch: log_probabilities(batch, [0.0] + [1 / 14] * 14 + [0.0]),
    "sequential_digits": lambda task, batch: log_probabilities(batch, [0.1] * 10),
    "parity": lambda task, batch: log_probabilities(batch, [0.5] * 2),
    "even_pairs": lambda task, batch: log_probabilities(batch, [0.5] * 2),
    "cycle_navigation": lambda task, batch: log_probabilities(batch, [0.2] * 5),
    # Those of all expressions, see tests/tasks/test_words.py.
    "modular_arithmetic": lambda task, batch: log_probabilities(batch, task.answer_probabilities().tolist()),
    "group_words": lambda task, batch: log_probabilities(batch, [1 / 6] * 6),
    "associative_recall": lambda task, batch: log_probabilities(batch, [0.0] * 32 + [1 / 32] * 32),
    "polyphonic_music": key_frequencies,
    "characters": lambda task, batch: class_frequencies(task, batch),
    "arrays": lambda task, batch: class_frequencies(task, batch),
}


def test_the_baseline_is_that_of_the_best_constant(name: str, task: Task) -> None:
    """Its loss is the predictor's above, by Monte Carlo; its outputs, where the task gives them, look at no input."""
    if name not in CONSTANTS:
        pytest.skip("no constant is written down for it")
    size = task.split_size("training") if isinstance(task, FiniteTask) else 20_000
    (batch,) = islice(task.training_batches(size, seeded(5)), 1)
    expected = task.losses(CONSTANTS[name](task, batch), batch).double()
    mean = float((expected * batch.weights.double()).sum() / batch.weights.double().sum())
    sampling_error = 0.0 if isinstance(task, FiniteTask) else float(expected.std()) / math.sqrt(size)
    assert abs(mean - task.baseline_loss) <= 4 * sampling_error + 1e-6
    outputs = task.baseline_outputs(batch)
    if outputs is not None:
        assert outputs.shape == (*batch.targets.shape[:2], task.output_size)
        assert outputs.dtype == torch.float32
        blind = Batch(torch.zeros_like(batch.inputs), batch.targets, batch.scored, batch.lengths)
        assert torch.equal(task.baseline_outputs(blind), outputs)
        torch.testing.assert_close(task.losses(outputs, batch).double(), expected, rtol=1e-5, atol=1e-6)


def test_solved_at_the_boundary(task: Task) -> None:
    rate = task.solved_error_rate
    assert not task.solved(0.0, rate)
    assert not task.solved(0.0, 1.0)
    if rate > 0:
        assert task.solved(0.0, math.nextafter(rate, 0))
        assert task.solved(0.0, 0.0)


def answering(name: str, task: Task, targets: Tensor) -> Tensor:
    """Outputs that give these targets."""
    if targets.dtype == torch.long:
        return 200 * (torch.nn.functional.one_hot(targets, task.output_size) - 0.5)
    if name in ("xor", "polyphonic_music"):
        return 200 * (targets - 0.5)
    return torch.logit(targets) if name == "hochreiter_adding" else targets


def test_correct_is_right_for_targets_and_wrong_for_others(name: str, task: Task) -> None:
    (batch,) = islice(task.training_batches(6, seeded()), 1)
    right = answering(name, task, batch.targets)
    if batch.targets.dtype == torch.long:
        wrong = right.roll(1, 2)
    else:
        wrong = answering(name, task, 1 - batch.targets + 0.1 * (batch.targets == 0.5))
    assert task.correct(right, batch).all()
    one_wrong = right.clone()
    one_wrong[:, 2] = wrong[:, 2]
    assert task.correct(one_wrong, batch).tolist() == [True, True, False, True, True, True]


def means(task: Task, outputs: Tensor, batch: Batch) -> dict[str, float]:
    """What milestones are judged by, of one batch."""
    wrong = (~task.correct(outputs, batch)).double().mean()
    found = {name: values.double().mean() for name, values in task.measures(outputs, batch).items()}
    return {
        name: float(x) for name, x in {"loss": task.mean_loss(outputs, batch), "error_rate": wrong, **found}.items()
    }


def test_milestones_are_met_by_the_targets_and_not_by_the_best_constant(name: str, task: Task) -> None:
    (batch,) = islice(task.training_batches(200, seeded(5)), 1)
    right = answering(name, task, batch.targets)
    names = [milestone.name for milestone in task.milestones if milestone.name.isidentifier() and milestone.source]
    assert len(set(names)) == len(task.milestones) > 0
    assert all(milestone.met(means(task, right, batch), task.baseline_loss) for milestone in task.milestones)
    if name in CONSTANTS:
        found = means(task, CONSTANTS[name](task, batch), batch)
        assert not any(milestone.met(found, task.baseline_loss) for milestone in task.milestones)


def test_measures_by_hand() -> None:
    adding = Adding(10)
    batch = adding.draw(4, seeded())
    offsets = torch.tensor([0.0, 0.39, -0.41, 0.5]).view(1, 4, 1)
    assert adding.measures(batch.targets + offsets, batch)["large_squared_error"].tolist() == [0, 0, 1, 1]
    copying = CopyMemory(5)
    batch = copying.draw(2, seeded())
    outputs = torch.nn.functional.one_hot(batch.targets, copying.output_size).float()
    outputs[-3:, 1] = outputs[-3:, 1].roll(1, 1)
    outputs[0, 0] = outputs[0, 0].roll(1)  # a wrong blank is no symbol to recall
    torch.testing.assert_close(copying.measures(outputs, batch)["recall_error"], torch.tensor([0.0, 0.3]))
