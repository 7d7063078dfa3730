"""What a task is: batches drawn from a passed generator and a loss; where it has them a baseline and a criterion."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.milestone import HALF_BASELINE, Milestone

Split = Literal["validation", "test"]


def at_least(bound: int, name: str, value: int, why: str) -> int:
    """The value of a setting. Raises ValueError, which gives the reason, where it is below its bound."""
    if value < bound:
        raise ValueError(f"{name}={value}: must be at least {bound} ({why})")
    return value


def one_hot(symbols: Int[Tensor, "*shape"], size: int) -> Float[Tensor, "*shape size"]:
    """Vectors with a 1 at each symbol, as floats at once: through integers it takes three times as long."""
    return functional.embedding(symbols, torch.eye(size))


@dataclass(frozen=True)
class StepMeasure:
    """A measure over data: the sum of `values` at all scored steps of all examples over that of `counts`."""

    values: Float[Tensor, "scored_time batch"]
    counts: Float[Tensor, "scored_time batch"] | None = None
    """None: 1 each, so that the measure is the mean over the scored steps."""


@dataclass(frozen=True)
class Batch:
    """Sequences, time first, with targets for their last S steps (S = 1: a target at the end only)."""

    inputs: Shaped[Tensor, "time batch ..."]
    """Features (time, batch, input), or tokens (time, batch): integers below the task's `vocabulary`."""
    targets: Shaped[Tensor, "scored_time batch ..."]
    """Class indices (S, batch) or values (S, batch, output), aligned with the last S steps."""
    scored: Bool[Tensor, "scored_time batch"] | None = None
    """Which of those steps count in the loss; None: all. Every example has at least one."""
    lengths: Int[Tensor, " batch"] | None = None
    """Real steps of each example, the rest being padding at the end; None: all steps are real."""

    @classmethod
    def scored_at_ends(
        cls,
        inputs: Shaped[Tensor, "time batch ..."],
        targets: Shaped[Tensor, "batch ..."],
        lengths: Int[Tensor, " batch"],
        shortest: int,
    ) -> "Batch":
        """Sequences of unequal length, each with one target at its last real step; none is shorter than `shortest`."""
        window = torch.arange(shortest, len(inputs) + 1).unsqueeze(1)
        return cls(inputs, targets.expand(len(window), *targets.shape), window == lengths, lengths)

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        if self.inputs.device == device:
            return self
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items() if tensor is not None})

    @property
    def real(self) -> Bool[Tensor, "time batch"]:
        """Which steps are not padding."""
        steps, examples = self.inputs.shape[:2]
        lengths = torch.full((examples,), steps) if self.lengths is None else self.lengths.cpu()
        return (torch.arange(steps).unsqueeze(1) < lengths).to(self.inputs.device)

    def at_every_scored_step(self, correct: Bool[Tensor, "scored_time batch"]) -> Bool[Tensor, " batch"]:
        """Which examples are correct at every scored step."""
        return (correct if self.scored is None else correct | ~self.scored).all(0)

    def total(self, values: Float[Tensor, "scored_time batch"]) -> float:
        """The sum of the values at the scored steps."""
        return float((values if self.scored is None else values.where(self.scored, 0)).double().sum())

    @property
    def weights(self) -> Float[Tensor, " batch"]:
        """Scored steps per example: its weight in a mean over the scored steps of several examples."""
        if self.scored is None:
            return torch.full(self.targets.shape[1:2], float(len(self.targets)), device=self.targets.device)
        return self.scored.sum(0).float()

    @property
    def tokens(self) -> int:
        """Real steps of all examples together."""
        steps, examples = self.inputs.shape[:2]
        return steps * examples if self.lengths is None else int(self.lengths.sum())


class Task(ABC):
    """A sequence task. Derive, set the sizes in the constructor, and define the draw, the loss and what is correct.

    Training draws a fresh batch at every step (`training_batches`), unless the data are finite.

    The constructor's arguments are the task's settings, listed in its YAML; a wrong one raises ValueError with one
    line: `length=1: must be at least 2 (one marker per half)`.
    """

    input_size: int
    """Features per step; of tokens the vocabulary."""
    output_size: int
    vocabulary: int | None = None
    """Where the inputs are tokens, how many there are: the model embeds them (see model.embedding)."""
    difficulty: ClassVar[str] = "length"
    """The setting that makes the task harder."""
    confirmation_examples: int = 10_000
    """Fresh examples on which a run that meets the criterion confirms it (Pascanu et al. 2013); of finite data the
    validation split, whatever this number."""
    solved_error_rate: float = 0.01
    """Solved when less than this fraction of held-out examples is wrong (Martens & Sutskever 2011; Pascanu et al.
    2013). 0: there is no criterion, and neither success nor steps to it are reported."""
    solved_loss: float | None = None
    """Solved, besides, only when the mean loss is below this; None: whatever it is."""

    milestones: ClassVar[tuple[Milestone, ...]] = (HALF_BASELINE,)
    """Criteria weaker than `solved`, by which runs that fail it still differ."""

    step_measures: ClassVar[Mapping[str, str]] = {}
    """What `measure_steps` measures besides the loss, by name, with what it is; the first is the one that tables show,
    next to the loss on test data."""

    @property
    def baseline_loss(self) -> float | None:
        """The baseline: the loss of the best constant, which knows the task and the step and looks at no input; None
        where it is not known. One that sees the present input can do better without memory: see `adding`."""
        return None

    @property
    def has_criterion(self) -> bool:
        """Whether the task says when it is solved."""
        return self.solved_error_rate > 0

    @property
    def own_milestones(self) -> tuple[Milestone, ...]:
        """The milestones that runs can meet: without a baseline, those that need none."""
        return tuple(each for each in self.milestones if self.baseline_loss is not None or not each.of_baseline)

    @property
    def own_measures(self) -> tuple[str, ...]:
        """The names of the step measures of this task."""
        return tuple(self.step_measures)

    def baseline_outputs(self, batch: Batch) -> Float[Tensor, "scored_time batch output"] | None:
        """The outputs of that predictor, the same for all sequences; None: not given."""
        return None

    @abstractmethod
    def draw(self, batch_size: int, generator: torch.Generator) -> Batch:
        """Draw fresh examples, from nothing but the generator."""

    @abstractmethod
    def step_losses(
        self, outputs: Float[Tensor, "scored_time batch output"], targets: Tensor
    ) -> Float[Tensor, "scored_time batch"]:
        """The loss of each scored step of each example."""

    def correct(
        self, outputs: Float[Tensor, "scored_time batch output"], batch: Batch
    ) -> Bool[Tensor, " batch"] | None:
        """Which examples have no error, as the solved criterion counts them; None where there is no right and wrong."""
        return None

    def losses(self, outputs: Float[Tensor, "scored_time batch output"], batch: Batch) -> Float[Tensor, " batch"]:
        """The loss of each example: the mean over its scored steps."""
        losses = self.step_losses(outputs, batch.targets)
        if batch.scored is None:
            return losses.mean(0)
        return losses.where(batch.scored, 0).sum(0) / batch.weights

    def mean_loss(self, outputs: Float[Tensor, "scored_time batch output"], batch: Batch) -> Float[Tensor, ""]:
        """The mean loss of the batch, every scored step of every example weighted equally; what training minimises."""
        losses = self.step_losses(outputs, batch.targets)
        return losses.mean() if batch.scored is None else losses.where(batch.scored, 0).sum() / batch.scored.sum()

    def solved(self, loss: float, error_rate: float) -> bool:
        """Whether this mean loss and fraction of wrong examples on held-out data meet the criterion."""
        is_low = self.solved_loss is None or loss < self.solved_loss
        return self.has_criterion and error_rate < self.solved_error_rate and is_low

    def measures(
        self, outputs: Float[Tensor, "scored_time batch output"], batch: Batch
    ) -> Mapping[str, Float[Tensor, " batch"]]:
        """What milestones need besides loss and error rate: values per example, averaged over held-out examples."""
        return {}

    def measure_steps(
        self, outputs: Float[Tensor, "scored_time batch output"], batch: Batch
    ) -> Mapping[str, StepMeasure]:
        """The measures named in `step_measures`, such as accuracy or bits per character, over held-out steps."""
        return {}

    def at_length(self, length: int) -> "Task | None":
        """The task with test data of another length, on which a model trained on this one is evaluated; None: the one
        that the constructor makes of that `length`. Raises ValueError where there is none."""
        return None

    def batches_per_epoch(self, batch_size: int) -> int | None:
        """How many training batches are one pass through the training data; None where there is no such pass."""
        return None

    def training_batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """An endless stream of batches. A task on finite data overrides this to go through it in shuffled epochs."""
        while True:
            yield self.draw(batch_size, generator)

    def probe_batch(self, batch_size: int, generator: torch.Generator) -> Batch:
        """The training batch that probes measure on."""
        return next(self.training_batches(batch_size, generator))

    def evaluation_batches(
        self, split: Split, size: int, batch_size: int, generator: torch.Generator
    ) -> Iterator[Batch]:
        """`size` held-out examples, drawn from a generator of their own. Finite data yield the whole split instead."""
        for start in range(0, size, batch_size):
            yield self.draw(min(batch_size, size - start), generator)
