"""The training loop."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import nn

from rnnbench.interruption import Interrupted, at_once, deferred
from rnnbench.model import Model
from rnnbench.probes import Probe
from rnnbench.recorders import Recorder
from rnnbench.recorders.recorder import Arrays, Scalars
from rnnbench.schema import Status
from rnnbench.tasks import Batch, Task
from rnnbench.training.evaluation import evaluate


class NotFiniteError(Exception):
    """A loss or gradient is not finite."""


class TrainSettings(BaseModel):
    """How long and how to train; conf/config.yaml explains each setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: Annotated[int, Field(ge=0)]
    batch_size: PositiveInt
    gradient_clip_norm: Annotated[float, Field(gt=0)] | None
    eval_every: PositiveInt
    eval_examples: PositiveInt
    confirm_examples: PositiveInt | None
    stop_when_solved: bool
    checkpoint_every_s: Annotated[float, Field(ge=0)]


@dataclass
class Progress:
    """How far a run has come; with weights and optimizer state, what a checkpoint holds."""

    step: int = 0
    history: list[Scalars] = field(default_factory=list)
    arrays: dict[str, list[tuple[int, Arrays]]] = field(default_factory=dict)
    recent_losses: list[float] = field(default_factory=list)
    """Training losses since the last evaluation."""
    step_times_s: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    """Real steps of all examples, per training step."""
    gradient_norm: float = math.nan
    """Of the last training step, before clipping."""
    first_crossing_step: int | None = None
    """The first evaluation that met the task's criterion on validation data."""
    confirmation_attempts: int = 0
    steps_to_solve: int | None = None
    """The first evaluation that met it, on validation data and then on fresh data as well."""
    milestones: dict[str, int] = field(default_factory=dict)
    """The first evaluation that met each of the task's milestones on validation data."""
    diverged_at_step: int | None = None
    elapsed_s: float = 0.0
    """Wall time of the sessions before this one."""
    others_cpu_s: float = 0.0
    """CPU time that other processes used meanwhile; NaN where the system does not report it."""


@dataclass
class Loop:
    """Trains a model on a task, and at the steps that are due evaluates it, probes it and saves a checkpoint."""

    model: Model
    task: Task
    optimizer: torch.optim.Optimizer
    settings: TrainSettings
    validation: Sequence[Batch]
    confirmation: Callable[[int], Iterable[Batch]]
    """Fresh data for the n-th attempt to confirm that the task is solved."""
    probe_batch: Batch
    probes: Mapping[str, Probe]
    recorders: Sequence[Recorder]
    save: Callable[[], None]
    progress: Progress = field(default_factory=Progress)
    saved_at: float = field(default_factory=time.monotonic)

    def run(self, batches: Iterator[Batch]) -> Status:
        """Train from the current progress to the end; `batches` is the training data from its beginning.

        Returns `done`, or `diverged` at the first loss or gradient that is not finite. A signal ends it with a
        checkpoint of the last whole step; the evaluation and the probes that were due after it may not be done then,
        and are done first when the run goes on.
        """
        progress = self.progress
        try:
            with at_once():
                if not progress.history or progress.history[-1]["step"] != progress.step:
                    self._evaluate_and_probe()
                for batch in islice(batches, progress.step, self.settings.steps):
                    if self._finished:
                        break
                    self._train_step(batch)
                    self._evaluate_and_probe()
                    self._checkpoint_if_due()
        except NotFiniteError:
            progress.diverged_at_step = progress.step
            return Status.DIVERGED
        except Interrupted:
            self.checkpoint()
            raise
        return Status.DONE

    def checkpoint(self) -> None:
        """Save a checkpoint, unless there is nothing to go on from yet."""
        if self.progress.history:
            with deferred():
                self.save()
            self.saved_at = time.monotonic()

    @property
    def _finished(self) -> bool:
        """Whether no training step is to follow."""
        solved = self.progress.steps_to_solve is not None
        return self.progress.step == self.settings.steps or (solved and self.settings.stop_when_solved)

    def _train_step(self, batch: Batch) -> None:
        """One update. Raises NotFiniteError, with the weights as they were, when the loss or its gradient is not."""
        started = self._synchronized_time()
        loss = self.task.mean_loss(self.model.predict(batch), batch)
        self.optimizer.zero_grad()
        loss.backward()
        norm = self._clip_gradient()
        with deferred():
            self._update(batch, float(loss.detach()), norm, started)

    def _update(self, batch: Batch, loss: float, gradient_norm: float, started: float) -> None:
        """Change weights and progress, which belong together. Raises NotFiniteError."""
        progress = self.progress
        progress.step += 1
        progress.gradient_norm = gradient_norm
        progress.recent_losses.append(loss)
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)):
            raise NotFiniteError
        self.optimizer.step()
        progress.step_times_s.append(self._synchronized_time() - started)
        progress.tokens.append(batch.tokens)
        for recorder in self.recorders:
            recorder.advance(progress.step)

    def _clip_gradient(self) -> float:
        """Rescale the gradient of all weights to the clipping norm where it is above; return its norm before that."""
        parameters = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = nn.utils.get_total_norm(gradients, foreach=True)
        if self.settings.gradient_clip_norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, self.settings.gradient_clip_norm, norm, foreach=True)
        return float(norm)

    def _evaluate_and_probe(self) -> None:
        """Evaluate and probe where due, and record the results. Raises NotFiniteError when a validation loss is not."""
        progress = self.progress
        evaluates = self._finished or progress.step % self.settings.eval_every == 0
        if not (evaluates or any(probe.due(progress.step, False) for probe in self.probes.values())):
            return
        row: dict[str, float | str] = {"step": progress.step}
        arrays: dict[str, Arrays] = {}
        with self._whole_or_not_at_all():
            if evaluates:
                row |= self._evaluate()
            for name, probe in self.probes.items():
                if probe.due(progress.step, self._finished):
                    measurement = probe.measure(self.model, self.task, self.probe_batch)
                    self.optimizer.zero_grad()
                    row |= measurement.scalars
                    arrays |= {name: measurement.arrays} if measurement.arrays else {}
        with deferred():
            self._record(row, arrays)

    def _record(self, row: Scalars, arrays: Mapping[str, Arrays]) -> None:
        step = self.progress.step
        for name, measured in arrays.items():
            self.progress.arrays.setdefault(name, []).append((step, measured))
            for recorder in self.recorders:
                recorder.store(name, step, measured)
        self.progress.history.append(row)
        for recorder in self.recorders:
            recorder.record(row)

    @contextmanager
    def _whole_or_not_at_all(self) -> Iterator[None]:
        """Put weights and progress back as they were when a signal ends the block in the middle."""
        progress = self.progress
        before = {**vars(progress), "milestones": dict(progress.milestones)}
        weights = copy.deepcopy(self.model.state_dict())
        try:
            yield
        except Interrupted:
            vars(progress).update(before)
            self.model.load_state_dict(weights)  # a probe may have changed them for a while
            raise

    def _evaluate(self) -> dict[str, float]:
        progress = self.progress
        evaluation = evaluate(self.model, self.task, self.validation)
        if not math.isfinite(evaluation.loss):
            raise NotFiniteError
        losses, progress.recent_losses = progress.recent_losses, []
        row = {
            "train_loss": sum(losses) / len(losses) if losses else math.nan,
            "gradient_norm": progress.gradient_norm,
            **evaluation.columns("validation"),
            **{f"validation_{name}": mean for name, mean in evaluation.measures.items()},
        }
        for milestone in self.task.own_milestones:
            if milestone.met(evaluation.means, self.task.baseline_loss):
                progress.milestones.setdefault(milestone.name, progress.step)
        if progress.steps_to_solve is None and self.task.solved(evaluation.loss, evaluation.error_rate):
            row |= self._confirm()
        return row

    def _confirm(self) -> dict[str, float]:
        """Evaluate on fresh data whether the task is solved: of many evaluations, one may meet the criterion by chance.

        Raises NotFiniteError when the loss is not finite.
        """
        progress = self.progress
        if progress.first_crossing_step is None:
            progress.first_crossing_step = progress.step
        progress.confirmation_attempts += 1
        evaluation = evaluate(self.model, self.task, self.confirmation(progress.confirmation_attempts))
        if not math.isfinite(evaluation.loss):
            raise NotFiniteError
        if self.task.solved(evaluation.loss, evaluation.error_rate):
            progress.steps_to_solve = progress.step
        return {
            "confirmation_loss": evaluation.loss,
            "confirmation_error_rate": evaluation.error_rate,
            "confirmation_examples": evaluation.examples,
        }

    def _checkpoint_if_due(self) -> None:
        """Save a checkpoint when the last one is `checkpoint_every_s` old."""
        if time.monotonic() - self.saved_at >= self.settings.checkpoint_every_s:
            self.checkpoint()

    def _synchronized_time(self) -> float:
        """The clock's seconds, read once the device has finished what was queued."""
        if (device := self.model.readout.weight.device).type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()
