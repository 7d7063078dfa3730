"""On a GPU: every cell computes what it does on the CPU, a cut run resumes to the same numbers, and step times.

It needs a GPU and an installed checkout, and takes at most five minutes: `.venv/bin/pytest tests/cuda -s`. The times go
to build/cuda.md, as a table for docs/speed.md. Without a GPU all of it is skipped.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from rnnbench.backends import backend_named
from rnnbench.cells import Cell
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.model import Model
from rnnbench.probes.gradient_profile import gradient_norms_through_time
from rnnbench.tasks import Batch
from rnnbench.tasks.adding import Adding
from rnnbench.timing.whole_step import SIZES, StepSizes
from tests.drawn import MENU, cell_of_menu
from tests.training.conftest import CheckResumed, MakeRun, check_resumed, execute, make_run

__all__ = ["check_resumed", "execute", "make_run"]  # fixtures

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

CPU, GPU = torch.device("cpu"), torch.device("cuda")
TABLE = Path(__file__).parents[2] / "build" / "cuda.md"
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4}
REPETITIONS = 30


@pytest.fixture(autouse=True)
def full_float32() -> Iterator[None]:
    """Products in float32, which cuDNN by default does in TensorFloat-32, with ten bits for the fraction."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("backend", ["eager", "torch"])
@pytest.mark.parametrize("name", MENU)
def test_a_cell_computes_the_same_on_both(name: str, backend: str, dtype: torch.dtype) -> None:
    cell = cell_of_menu(name, 3, 5)
    cell.initialise(torch.Generator().manual_seed(0))
    if backend_named(backend).unsupported_reason(cell) is not None:
        pytest.skip("no kernel of torch.nn")
    expected = everything(cell.to(dtype), "eager", CPU)
    found = everything(cell.to(GPU), backend, GPU)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(float(value.abs().max()), 1e-3)
        assert float((found[name].cpu() - value).abs().max()) < TOLERANCE[dtype] * scale, name


def everything(cell: Cell, backend: str, device: torch.device) -> dict[str, Tensor]:
    """Outputs, final state, the gradients of the parameters and those of the states at every step."""
    generator = torch.Generator().manual_seed(1)
    dtype = next(cell.parameters()).dtype
    inputs, upstream = (torch.randn(7, 4, width, generator=generator).to(device, dtype) for width in (3, 5))
    found: dict[str, Tensor] = {}

    def record(state: int, first: int, gradients: Tensor) -> None:
        found.update({f"state {state}, step {first + at}": each.clone() for at, each in enumerate(gradients)})

    chosen = backend_named(backend)
    cell.zero_grad()
    outputs, final = chosen.run(cell, inputs, cell.initial_state(4), record)
    outputs.backward(upstream)
    gradients = {name: each.grad.clone() for name, each in cell.named_parameters() if each.grad is not None}
    with torch.no_grad():
        at_once, _ = chosen.run(cell, inputs, cell.initial_state(4))
    last = {f"final {at}": state.detach() for at, state in enumerate(final)}
    return {**found, **gradients, **last, "outputs": outputs.detach(), "at once": at_once}


def drawn_model(cell: type[Cell], sizes: StepSizes, device: torch.device, backend: str = "eager") -> Model:
    widths = {"input_size": 2, "output_size": 1, "hidden_size": sizes.hidden_size}
    generator = torch.Generator().manual_seed(0)
    return Model(cell, **widths, backend=backend, device=device, generator=generator).train()


@pytest.mark.parametrize("cell", [Rnn, Lstm, GruTorch])
def test_the_gradient_through_time_is_that_of_the_cpu(cell: type[Cell]) -> None:
    task = Adding(200)
    batch = task.draw(8, torch.Generator().manual_seed(0))
    profiles = [
        gradient_norms_through_time(drawn_model(cell, StepSizes(200, 8, 32), device), task, batch.to(device))
        for device in (CPU, GPU)
    ]
    np.testing.assert_allclose(profiles[1].whole_state, profiles[0].whole_state, rtol=1e-8)


@pytest.mark.parametrize("cell", [Rnn, Lstm, GruTorch])
@pytest.mark.parametrize("backend", ["eager", "torch"])
def test_a_run_that_was_cut_is_resumed(
    make_run: MakeRun, check_resumed: CheckResumed, cell: type[Cell], backend: str
) -> None:
    check_resumed(partial(make_run, cell, backend=backend, device=GPU), 7)


def test_step_times() -> None:
    rows = [times(cell, sizes) for sizes in SIZES for cell in (Rnn, Lstm, GruTorch)]
    torch_and_gpu = f"torch {torch.__version__}, {torch.cuda.get_device_name(GPU)}"
    text = f"Milliseconds of a training step of adding, median of {REPETITIONS}: {torch_and_gpu}.\n\n"
    text += pd.DataFrame(rows).to_markdown(index=False)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(f"{text}\n", encoding="utf-8")
    print(text)
    assert all(value > 0 for row in rows for value in row.values() if isinstance(value, float))


def times(cell: type[Cell], sizes: StepSizes) -> dict[str, Any]:
    """One row: the loop over `step`, torch.nn's kernel (cuDNN's), and both captured as one CUDA graph."""
    made: dict[str, Any] = {"H, T, B": f"{sizes.hidden_size}, {sizes.length}, {sizes.batch}", "cell": cell.__name__}
    task = Adding(sizes.length)
    batch = task.draw(sizes.batch, torch.Generator().manual_seed(0)).to(GPU)
    for backend in ("eager", "torch"):
        model = drawn_model(cell, sizes, GPU, backend)
        optimizer = torch.optim.Adam(model.parameters(), capturable=True, fused=True)
        step = partial(training_step, model, task, batch, optimizer)
        made[backend] = milliseconds(step)
        made[f"{backend}, graph"] = milliseconds(captured(step))
    return made


def training_step(model: Model, task: Adding, batch: Batch, optimizer: torch.optim.Optimizer) -> None:
    """As the training loop does it, without what waits for the GPU: loss and norm are read by nobody."""
    optimizer.zero_grad()
    task.mean_loss(model.predict(batch), batch).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """All kernels of a step in one CUDA graph, recorded on a stream of its own after three steps."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def milliseconds(step: Callable[[], None]) -> float:
    """The median over repetitions, each waited for."""
    seconds = []
    for _ in range(REPETITIONS + 3):
        torch.cuda.synchronize()
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[3:])) * 1e3
