"""Truncated backpropagation through time, against a plain loop."""

from typing import Any

import pytest
import torch
from torch import Tensor

from rnnbench.cells.lstm import Lstm
from rnnbench.tasks import Batch, Task
from rnnbench.training.truncation import Window, scored_examples, windows
from tests.training.conftest import Execute, MakeRun

QUICK: dict[str, Any] = {"backend": "eager", "probes": {}, "hidden_size": 4, "gradient_clip_norm": None}


class Stream(Task):
    """Predict the next of `length` numbers, at every step."""

    input_size = 1
    output_size = 1
    baseline_loss = 1.0

    def __init__(self, length: int = 10) -> None:
        self.length = length

    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        values = torch.randn(self.length + 1, batch_size, 1, generator=generator).cumsum(0)
        return Batch(values[:-1], values[1:])

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        return (outputs - batch.targets).abs().amax((0, 2)) < 0.1


@pytest.mark.parametrize("length", [4, 5, 10, 99])
@pytest.mark.parametrize("backend", ["eager", "fused"])
def test_the_state_is_carried_and_no_gradient_passes_a_cut(
    make_run: MakeRun, execute: Execute, length: int, backend: str
) -> None:
    settings = {**QUICK, "backend": backend, "steps": 7, "layers": 2}
    run = make_run(Lstm, Stream(), **settings)
    optimizer = run.optimizer
    batches, step = Stream().training_batches(5, run.streams.training), 0
    while step < 7:
        batch = next(batches)
        states: list[Any] = [tuple(torch.zeros(5, 4) for _ in "hc") for _ in range(2)]
        for start in range(0, 10, length):
            sequence = batch.inputs[start : start + length]
            for layer, cell in enumerate(run.model.cells):
                outputs = []
                for x in sequence:
                    states[layer] = cell.step(x, states[layer])
                    outputs.append(states[layer][0])
                sequence = torch.stack(outputs)
            loss = (run.model.readout(sequence) - batch.targets[start : start + length]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            states = [tuple(tensor.detach() for tensor in state) for state in states]
            step += 1
            if step == 7:
                break
    actual = make_run(Lstm, Stream(), **settings, truncate=length)
    execute(actual)
    for one, other in zip(actual.model.parameters(), run.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def numbered(steps: int, first_target: int, scored: Tensor | None = None) -> Batch:
    inputs = torch.arange(steps).reshape(steps, 1, 1).expand(steps, 2, 1).float()
    return Batch(inputs, inputs[first_target:], scored, torch.tensor([steps, steps - 3]))


def cut(batch: Batch, length: int) -> list[Window]:
    return list(windows(iter([batch]), length))


def test_steps_without_a_target_are_run_without_a_gradient() -> None:
    first, second = cut(numbered(10, 5), 4)
    assert first.before is not None
    assert first.before[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert first.batch.inputs[:, 0, 0].tolist() == [4, 5, 6, 7]
    assert first.batch.targets[:, 0, 0].tolist() == [5, 6, 7]
    assert first.batch.lengths is not None
    assert (first.continues, first.batch.lengths.tolist()) == (False, [4, 3])
    assert (second.before, second.continues) == (None, True)
    assert second.batch.inputs[:, 0, 0].tolist() == second.batch.targets[:, 0, 0].tolist() == [8, 9]


def test_examples_without_a_target_in_a_window_do_not_count() -> None:
    scored = torch.zeros(10, 2, dtype=torch.bool)
    scored[1, 0] = scored[9, 1] = scored[8, 1] = scored[8, 0] = True
    first, last = cut(numbered(10, 0, scored), 4)
    assert last.before is not None
    assert last.before[:, 0, 0].tolist() == [4, 5, 6, 7]
    outputs, batch = scored_examples(torch.ones(4, 2, 1), first.batch)
    assert (outputs.shape, batch.targets.shape) == ((4, 1, 1), (4, 1, 1))
    assert Stream().mean_loss(outputs, batch) == 0  # the target at step 1 is 1
    outputs, batch = scored_examples(torch.zeros(2, 2, 1), last.batch)
    assert Stream().mean_loss(outputs, batch) == (64 + 64 + 81) / 3


def test_state_continues_through_steps_without_a_target(make_run: MakeRun) -> None:
    """With one target at the end, a cut sequence has the loss of the whole one."""
    run = make_run(**QUICK)
    batch = run.task.draw(5, torch.Generator().manual_seed(3))
    ((window,),) = [cut(batch, 3)]
    assert window.before is not None
    with torch.no_grad():
        _, states = run.model.advance(window.before, 1)
        outputs, _ = run.model.advance(window.batch.inputs, 1, states)
        assert torch.equal(outputs, run.model.predict(batch))
