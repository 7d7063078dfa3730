"""Truncated backpropagation through time: a batch cut into windows, each a training step."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from rnnbench.tasks import Batch


@dataclass(frozen=True)
class Window:
    """What one training step is on: a batch, or the steps of it from one cut to the next."""

    batch: Batch
    before: Float[Tensor, "time batch input"] | None = None
    """Inputs of steps without a target that come right before; they are run without a gradient."""
    continues: bool = False
    """Whether it continues from the state after the window before; else from the initial state."""


def windows(batches: Iterator[Batch], length: int | None) -> Iterator[Window]:
    """The batches as they are, or (`length`) each cut into windows of this many steps, the last perhaps shorter.

    Steps without a target in any example make no training step of their own. What follows the last target is left out.
    """
    for batch in batches:
        if length is None:
            yield Window(batch)
        else:
            yield from _cut(batch, length)


def _cut(batch: Batch, length: int) -> Iterator[Window]:
    steps, first_target = len(batch.inputs), len(batch.inputs) - len(batch.targets)
    done, continues = 0, False
    for start in range(0, steps, length):
        stop = min(start + length, steps)
        with_target = slice(max(start, first_target) - first_target, stop - first_target)
        if stop <= first_target or (batch.scored is not None and not bool(batch.scored[with_target].any())):
            continue
        part = Batch(
            batch.inputs[start:stop],
            batch.targets[with_target],
            None if batch.scored is None else batch.scored[with_target],
            None if batch.lengths is None else (batch.lengths - start).clamp(0, stop - start),
        )
        yield Window(part, batch.inputs[done:start] if done < start else None, continues)
        done, continues = stop, True


def scored_examples(
    outputs: Float[Tensor, "scored_time batch output"], batch: Batch
) -> tuple[Float[Tensor, "scored_time examples output"], Batch]:
    """The outputs and the part of the batch of those examples that have a target in it."""
    if batch.scored is None or bool((has := batch.scored.any(0)).all()):
        return outputs, batch
    lengths = None if batch.lengths is None else batch.lengths[has]
    part = Batch(batch.inputs[:, has], batch.targets[:, has], batch.scored[:, has], lengths)
    return outputs[:, has], part
