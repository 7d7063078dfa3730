"""Whole training steps of the adding problem: the harness, plain PyTorch, torch.compile of it, and JAX, in one process.

A step draws a batch, passes forward and backward, clips the gradient's norm, updates by Adam, and hands the loss and
the norm to Python. All contestants run the same equations but for the GRU: torch.nn.GRU resets after the recurrent
product and does less work. Steps are interleaved, and timed by the CPU time of the process, which other work on the
machine disturbs less than the clock.
"""

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Model
from rnnbench.tasks.adding import Adding
from rnnbench.timing import lax_scan
from rnnbench.timing.implementations import torch_module
from rnnbench.timing.measure import interleaved_seconds
from rnnbench.training import Run, StepSettings
from rnnbench.training.randomness import Streams
from rnnbench.training.truncation import windows
from rnnbench.training.update import without_compiler

Step = Callable[[], tuple[float, float]]
"""One training step; it returns the loss and the norm of the gradient before it was clipped."""

LEARNING_RATE = 1e-3

CELLS: tuple[type[Cell], ...] = (Rnn, Gru, Lstm)


class StepSizes(NamedTuple):
    """The sizes of one comparison."""

    length: int
    batch: int
    hidden_size: int


SIZES = (StepSizes(50, 32, 32), StepSizes(100, 50, 64), StepSizes(100, 50, 128))


def whole_steps(cell: type[Cell], sizes: StepSizes, compiled: bool) -> dict[str, Step]:
    """The step of each contestant by name; `compiled`: torch.compile of the plain script too, which takes minutes."""
    steps = {"rnnbench": harness_step(cell, sizes), "PyTorch": plain_step(cell, sizes, compiled=False)}
    if compiled:
        step = plain_step(cell, sizes, compiled=True)
        try:
            step()
            steps["torch.compile"] = step
        except Exception as error:  # whatever a compiler may raise; torch 2.13 cannot unroll nn.LSTM
            print(f"torch.compile of {cell.__name__}: {str(error).splitlines()[0]}")
    if find_spec("jax") is not None:
        steps["JAX"] = lax_scan.training_step(cell, *sizes, LEARNING_RATE)
    return steps


def harness_step(cell: type[Cell], sizes: StepSizes) -> Step:
    """A step of the harness's training loop, set up as conf/ does."""
    task, generator = Adding(sizes.length), torch.Generator().manual_seed(0)
    model = Model(cell, input_size=2, output_size=1, hidden_size=sizes.hidden_size, generator=generator)
    settings = StepSettings(
        steps=1,
        batch_size=sizes.batch,
        gradient_clip_norm=1.0,
        eval_every=1,
        eval_examples=sizes.batch,
        confirm_examples=sizes.batch,
        stop_when_solved=True,
        checkpoint_every_s=1e9,
    )
    optimizer = without_compiler(torch.optim.Adam)(model.parameters(), lr=LEARNING_RATE, fused=True)
    run = Run(model.train(), task, optimizer, settings, {}, Streams.from_seed(0), torch.device("cpu"))
    training = windows(task.training_batches(sizes.batch, generator), None)

    def step() -> tuple[float, float]:
        run.train_step(next(training))
        return run.progress.recent_losses[-1], run.progress.gradient_norm

    return step


def plain_step(cell: type[Cell], sizes: StepSizes, compiled: bool) -> Step:
    """A step as a plain script has it; `compiled`: with the loss by torch.compile, which is told to unroll the loop."""
    task, generator = Adding(sizes.length), torch.Generator().manual_seed(0)
    make = torch_module(cell(2, sizes.hidden_size))
    assert make is not None
    recurrent, readout = make(2, sizes.hidden_size), nn.Linear(sizes.hidden_size, 1)
    parameters = [*recurrent.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)

    def plain_loss(inputs: Tensor, targets: Tensor) -> Tensor:
        outputs, _ = recurrent(inputs)
        loss: Tensor = (readout(outputs[-1:]) - targets).square().mean()
        return loss

    # torch.compile leaves recurrent modules out unless told otherwise
    unrolled = torch._dynamo.config.patch(allow_rnn=True) if compiled else None
    loss_of: Callable[..., Tensor] = unrolled(torch.compile(plain_loss)) if unrolled else plain_loss

    def step() -> tuple[float, float]:
        batch = task.draw(sizes.batch, generator)
        loss = loss_of(batch.inputs, batch.targets)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.item(), norm.item()

    return step


def rows(repetitions: int, compiled: bool) -> Iterator[dict[str, Any]]:
    """One row for each size and cell: milliseconds of each contestant, and how many times ours theirs are."""
    for sizes in SIZES:
        for cell in CELLS:
            steps = whole_steps(cell, sizes, compiled and sizes == SIZES[0])
            timed = interleaved_seconds(steps, repetitions, repetitions, time.process_time)
            seconds = {name: float(np.quantile(values, 0.25)) for name, values in timed.items()}
            yield {
                "H, T, B": f"{sizes.hidden_size}, {sizes.length}, {sizes.batch}",
                "cell": cell.__name__.lower(),
                **{f"{name} ms": f"{value * 1e3:.2f}" for name, value in seconds.items()},
                **{
                    f"{name} / rnnbench": f"{value / seconds['rnnbench']:.2f}"
                    for name, value in seconds.items()
                    if name != "rnnbench"
                },
            }
