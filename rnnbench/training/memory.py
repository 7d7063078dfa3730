"""An estimate of the memory that a run needs, before it starts: too little ends a process without a word.

It is right to within a factor of 2 for the tasks and cells of this package (`tests/faults/test_memory_estimate.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from rnnbench.backends.fused import Fused
from rnnbench.errors import SettingError
from rnnbench.machine import free_memory
from rnnbench.model import Model
from rnnbench.tasks import Batch, FiniteTask, Task
from rnnbench.training.settings import TrainSettings

EVALUATION_BATCH = 250
"""Examples evaluated at a time."""

COPIES_OF_WEIGHTS = 6
"""Weights, gradients, two averages of Adam, and a checkpoint's copy of weights and averages, in part at a time."""

UNESTIMATED = 64 * 2**20
"""Bytes below which an estimate is not compared with what is free: the libraries take more."""


RESERVED = 2**30
"""Bytes of address space that libraries may take without using them."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes, by what they are for."""

    weights: int
    held_out: int
    """Validation and test data."""
    training_batch: int
    """A batch with all states through time."""
    evaluation_batch: int

    @property
    def total(self) -> int:
        """At the peak."""
        return self.weights + self.held_out + max(self.training_batch, self.evaluation_batch)


def check_weights(make_cell: Callable[[int, int], Any], input_size: int, hidden_size: int, layers: int) -> None:
    """Raise SettingError if the weights alone need more memory than is free, before any of it is taken."""
    free = free_memory()
    try:
        with torch.device("meta"):
            cells = [make_cell(hidden_size if layer else input_size, hidden_size) for layer in range(layers)]
        needed = COPIES_OF_WEIGHTS * sum(parameter.nbytes for cell in cells for parameter in cell.parameters())
    except Exception:  # of the cell, which is told when it is built
        return
    if free is not None and needed > max(free, UNESTIMATED):
        raise SettingError(
            f"model.hidden_size={hidden_size}: the weights, their gradients and averages need about {_gib(needed)} of "
            f"memory, and {_gib(free)} are free; lower it"
        )


def check_memory(model: Model, task: Task, settings: TrainSettings, device: torch.device) -> None:
    """Raise SettingError if the run needs more memory than is free, naming the setting that takes most of it."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if free is None:
        return
    try:
        with within_free_memory("task: one sequence alone needs", f"lower task.{task.difficulty}"):
            needed = estimate(model, task, settings)
    except SettingError:
        raise
    except Exception:  # of the task or the cell, which ends the run with its traceback
        return
    if needed.total <= max(free, UNESTIMATED):
        return
    batch = f"train.batch_size={settings.batch_size} or task.{task.difficulty}"
    largest, remedy = max(
        (needed.held_out, f"train.eval_examples={settings.eval_examples}"),
        (needed.training_batch, batch),
        (needed.weights, "model.hidden_size"),
        (needed.evaluation_batch, f"task.{task.difficulty}"),
        key=lambda part: part[0],
    )
    raise SettingError(
        f"{remedy}: the run needs about {_gib(needed.total)} of memory, {_gib(largest)} for this alone, and "
        f"{_gib(free)} are free; lower it"
    )


def estimate(model: Model, task: Task, settings: TrainSettings) -> MemoryEstimate:
    """The estimate, from one example and one step of each layer."""
    example = next(iter(task.evaluation_batches("validation", 1, 1, torch.Generator().manual_seed(0))))
    states = len(example.inputs) * sum(map(_bytes_of_step, model.cells))
    outputs = 4 * len(example.targets) * model.readout.out_features * model.readout.weight.element_size()
    sequence = _bytes(example) + outputs + states
    unkept = 0 if isinstance(model.backend, Fused) else states - len(example.inputs) * _bytes_of_states(model)
    steps = len(example.inputs)
    cut = states * max(0, steps - (settings.truncate or steps)) // max(1, steps)
    held_out = 0 if isinstance(task, FiniteTask) else 2 * settings.eval_examples * _bytes(example)
    return MemoryEstimate(
        COPIES_OF_WEIGHTS * sum(parameter.nbytes for parameter in model.parameters()),
        held_out,
        settings.batch_size * (sequence - cut),
        min(EVALUATION_BATCH, settings.eval_examples) * (sequence - unkept),
    )


def _bytes_of_states(model: Model) -> int:
    """Of h in one step of one example, for each layer, and of what it is stacked into."""
    return 2 * sum(cell.hidden_size for cell in model.cells) * model.readout.weight.element_size()


def _bytes(batch: Batch) -> int:
    """Of the memory that the batch's tensors are views of."""
    tensors = [batch.inputs, batch.targets, batch.scored, batch.lengths]
    memory = [tensor.untyped_storage() for tensor in tensors if tensor is not None]
    return int(sum({each.data_ptr(): each.nbytes() for each in memory}.values()))


def _bytes_of_step(cell: Any) -> int:
    """What one step of a cell keeps for the backward pass, for one example, and the gradients of its states."""
    own = {parameter.untyped_storage().data_ptr() for parameter in cell.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[id(tensor)] = tensor.nbytes
        return tensor

    state = tuple(tensor.requires_grad_() for tensor in cell.initial_state(1))
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = cell.step(cell.zeros(1, cell.input_size), state)
    return int(sum(kept.values()) + 2 * sum(tensor.nbytes for tensor in result))


@contextmanager
def within_free_memory(what_needs: str, remedy: str) -> Iterator[None]:
    """Raise SettingError where the block allocates more than is free, which the system would grant and then kill."""
    free = free_memory()
    try:
        with _limited(free):
            yield
    except (MemoryError, RuntimeError) as error:
        if free is None or not (isinstance(error, MemoryError) or "can't allocate memory" in str(error)):
            raise
        raise SettingError(f"{what_needs} more memory than the {_gib(free)} that are free; {remedy}") from None


@contextmanager
def _limited(free: int | None) -> Iterator[None]:
    """Let allocations beyond what is free fail; libraries may reserve some more address space than they use."""
    try:
        import resource  # not on Windows

        before = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = used + max(free or 0, RESERVED)
        if free is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit if before[0] < 0 else min(limit, before[0]), before[1]))
    except (ImportError, OSError, ValueError):  # no Linux
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
