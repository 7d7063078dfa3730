"""What a task's batches, losses and verdicts must look like, so that a custom task learns where they do not."""

import inspect

import torch

from rnnbench.errors import ComponentError
from rnnbench.tasks import Batch, Task


def check_batch(task: Task, batch: Batch) -> None:
    """Raise ComponentError, in one line, for a batch of the task that no model can be trained on."""
    inputs, targets = batch.inputs, batch.targets
    steps, examples = inputs.shape[:2] if inputs.ndim > 1 else (0, 0)
    if not steps or not examples:
        raise _wrong(task, f"draw gives inputs {_described(inputs)}; they must be (time, batch, ...), a step at least")
    if task.vocabulary is None:
        if not inputs.is_floating_point() or inputs.shape[2:] != (task.input_size,):
            wanted = f"floats (time, batch, input_size={task.input_size}), or with `vocabulary` integers (time, batch)"
            raise _wrong(task, f"draw gives inputs {_described(inputs)}; they must be {wanted}")
    elif inputs.dtype != torch.int64 or inputs.ndim != 2 or inputs.min() < 0 or inputs.max() >= task.vocabulary:
        wanted = f"int64 (time, batch), from 0 to below vocabulary={task.vocabulary}"
        raise _wrong(task, f"draw gives inputs {_described(inputs)}; they must be {wanted}")
    if targets.ndim < 2 or targets.shape[1] != examples or not 0 < len(targets) <= steps:
        wanted = f"(scored steps, batch, ...): at most {steps} steps of {examples} examples"
        raise _wrong(task, f"draw gives targets {_described(targets)}; they must be {wanted}")
    outputs = torch.zeros(len(targets), examples, task.output_size, device=inputs.device)
    losses, correct = task.step_losses(outputs, targets), task.correct(outputs, batch)
    if losses.shape != (len(targets), examples):
        wanted = f"(scored steps, batch) = ({len(targets)}, {examples})"
        raise _wrong(task, f"step_losses gives {_described(losses)}; it must be {wanted}")
    if correct is not None and (correct.shape != (examples,) or correct.dtype != torch.bool):
        raise _wrong(task, f"correct gives {_described(correct)}; it must be bool, one of each of {examples} examples")


def _described(tensor: torch.Tensor) -> str:
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"


def _wrong(task: Task, what: str) -> ComponentError:
    return ComponentError(f"{inspect.getfile(type(task))}: {type(task).__name__}.{what}")
