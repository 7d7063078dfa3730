"""What the harness adds: its whole training step against a bare PyTorch loop, interleaved in one process."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from tabulate import tabulate
from torch import nn

from rnnbench.cells import Cell
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Model
from rnnbench.recorders import ProgressBar
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from rnnbench.training import StepSettings
from rnnbench.training.loop import Loop
from rnnbench.training.noise import Noise
from rnnbench.training.streams import Streams
from rnnbench.training.truncation import windows

LENGTH, BATCH, HIDDEN = 100, 50, 64
STEPS, WARM_UP = 200, 20

PAIRS: dict[type[Cell], str] = {Rnn: "RNN", GruTorch: "GRU", Lstm: "LSTM"}
"""Cells with the class of torch.nn that a plain script would take."""


def bare_step(module: str) -> Callable[[], None]:
    """One step of the adding problem as a plain script has it: data, forward, backward, clipping, Adam."""
    task, generator = Adding(LENGTH), torch.Generator().manual_seed(0)
    recurrent, readout = getattr(nn, module)(2, HIDDEN), nn.Linear(HIDDEN, 1)
    parameters = [*recurrent.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters)

    def step() -> None:
        batch = task.draw(BATCH, generator)
        outputs, _ = recurrent(batch.inputs)
        loss = (readout(outputs[-1:]) - batch.targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        loss.item()

    return step


def compare(cell: type[Cell], backend: str) -> tuple[float, float]:
    """Median seconds of a harness step, set up as conf/ does, and of a bare step, interleaved."""
    task, generator = Adding(LENGTH), torch.Generator().manual_seed(0)
    model = Model(cell, input_size=2, output_size=1, hidden_size=HIDDEN, backend=backend, generator=generator)
    settings = StepSettings(
        steps=STEPS,
        batch_size=BATCH,
        gradient_clip_norm=1.0,
        eval_every=10 * STEPS,
        eval_examples=BATCH,
        confirm_examples=BATCH,
        stop_when_solved=True,
        checkpoint_every_s=1e9,
    )
    bare = bare_step(PAIRS[cell])
    harness_times, bare_times = [], []

    def interleaved(batches: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            started = time.perf_counter()
            bare()
            middle = time.perf_counter()
            yield next(batches)
            bare_times.append(middle - started)
            harness_times.append(time.perf_counter() - middle)

    loop = Loop(
        model,
        task,
        torch.optim.Adam(model.parameters(), fused=True),
        settings,
        validation=[task.draw(BATCH, generator)],
        confirmation=lambda attempt: [task.draw(BATCH, generator)],
        probe_batch=task.draw(BATCH, generator),
        probes={},
        recorders=[ProgressBar("overhead", STEPS, 0, task.baseline_loss)],
        save=lambda: None,
        noise=Noise(Streams.from_seed(0), torch.device("cpu")),
    )
    loop.run(windows(interleaved(task.training_batches(BATCH, generator)), None))
    return float(np.median(harness_times[WARM_UP:])), float(np.median(bare_times[WARM_UP:]))


def print_overhead() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = []
    for cell, module in PAIRS.items():
        for backend in ("torch", "auto"):
            harness, bare = compare(cell, backend)
            rows.append([cell.__name__, backend, f"nn.{module}", harness * 1e3, bare * 1e3, harness / bare])
    print(f"A training step, adding, length {LENGTH}, batch {BATCH}, hidden {HIDDEN}, 1 thread: medians, interleaved")
    print(tabulate(rows, headers=["cell", "backend", "bare script", "harness ms", "bare ms", "ratio"], floatfmt=".3g"))
