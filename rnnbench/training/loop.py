"""The training loop."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from rnnbench.cells import State
from rnnbench.interruption import Interrupted, check
from rnnbench.model import Model
from rnnbench.probes import Probe
from rnnbench.recorders import Recorder
from rnnbench.recorders.recorder import Arrays
from rnnbench.schema import Status
from rnnbench.tasks import Batch, Split, Task
from rnnbench.training.evaluation import EVALUATION_BATCH, evaluate
from rnnbench.training.progress import Progress
from rnnbench.training.randomness import Noise, Streams, evaluating
from rnnbench.training.settings import StepSettings
from rnnbench.training.truncation import Window, scored_examples
from rnnbench.training.update import Update

Weights = dict[str, Tensor]


class NotFiniteError(Exception):
    """A loss or gradient is not finite."""


def weights_of(model: nn.Module) -> Weights:
    """A copy of the model's parameters and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@dataclass
class Loop(ABC):
    """Trains a model on a task, and at the steps that are due evaluates it, probes it and saves a checkpoint.

    All of its randomness is from the streams.
    """

    model: Model
    task: Task
    optimizer: torch.optim.Optimizer
    settings: StepSettings
    probes: Mapping[str, Probe]
    streams: Streams
    device: torch.device
    schedule: LRScheduler | None = None
    """Of the learning rate. Stepped after every training step; one that waits for a plateau, after every evaluation
    that follows one."""

    def __post_init__(self) -> None:
        self.noise = Noise(self.streams, self.device, self.settings.weight_noise)
        self.update = Update(self.model, self.optimizer, self.settings)
        self.progress = Progress()
        self.recorders: Sequence[Recorder] = ()
        self.validation: Sequence[Batch] = ()
        self.carried: list[State] | None = None
        """With truncation, the states of the layers after the last training step."""
        self.best: Weights | None = None
        """The weights of the lowest validation loss so far."""
        self.saved_at = time.monotonic()

    @abstractmethod
    def checkpoint(self) -> None:
        """Save a checkpoint between two training steps."""

    def examples(
        self, task: Task, split: Split, generator: torch.Generator, size: int = 0, at_a_time: int = EVALUATION_BATCH
    ) -> Iterator[Batch]:
        """Held-out data, by default as many examples as the settings say."""
        for batch in task.evaluation_batches(split, size or self.settings.eval_examples, at_a_time, generator):
            yield batch.to(self.device)

    def loop(self, training: Iterator[Window], probe_batch: Batch) -> Status:
        """Train from the current progress to the end; `training` is the data of the training steps to come.

        Returns `done`, or `diverged` at the first loss or gradient that is not finite. A signal ends it between two
        steps, with a checkpoint.
        """
        try:
            if not self.progress.history:
                self._evaluate_and_probe(probe_batch)
            while self.progress.ended_by(self.settings) is None:
                check()
                self.train_step(next(training))
                self._evaluate_and_probe(probe_batch)
                if time.monotonic() - self.saved_at >= self.settings.checkpoint_every_s:
                    self.checkpoint()
            check()
        except NotFiniteError:
            self.progress.diverged_at_step = self.progress.step
            return Status.DIVERGED
        except Interrupted:
            self.checkpoint()
            raise
        finally:
            self.update.part()
        return Status.DONE

    def train_step(self, window: Window) -> None:
        """One update. Raises NotFiniteError, with the weights as they were, when the loss or its gradient is not."""
        progress, started = self.progress, self._synchronized_time()
        with self.noise.on_weights(self.model):
            loss, self.carried = self._loss(window)
            self.update.clear()
            loss.backward()
        progress.gradient_norm = self.update.clip()
        progress.recent_losses.append(float(loss.detach()))
        progress.batches += not window.continues
        progress.step += 1
        if not (math.isfinite(progress.recent_losses[-1]) and math.isfinite(progress.gradient_norm)):
            raise NotFiniteError
        self.optimizer.step()
        if self.schedule is not None and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        progress.step_times_s.append(self._synchronized_time() - started)
        progress.tokens.append(window.batch.tokens)
        for recorder in self.recorders:
            recorder.advance(progress.step)

    def _loss(self, window: Window) -> tuple[Tensor, list[State] | None]:
        """The mean loss of a training step, and with truncation the states that the next one continues from."""
        batch = window.batch
        if self.settings.truncate is None:
            return self.task.mean_loss(self.model.predict(batch), batch), None
        states = self.carried if window.continues else None
        if window.before is not None:
            with torch.no_grad():
                _, states = self.model.advance(window.before, 1, states)
        outputs, states = self.model.advance(batch.inputs, len(batch.targets), states)
        carried = [tuple(tensor.detach() for tensor in state) for state in states]
        return self.task.mean_loss(*scored_examples(outputs, batch)), carried

    def _evaluate_and_probe(self, probe_batch: Batch) -> None:
        """Evaluate and probe where due, and record the results. Raises NotFiniteError when a validation loss is not."""
        progress, arrays = self.progress, dict[str, Arrays]()
        row: dict[str, float | str] = {"step": progress.step}
        if progress.ended_by(self.settings) or progress.step % self.settings.eval_every == 0:
            row |= self._evaluate()
        is_last = progress.ended_by(self.settings) is not None
        for name, probe in self.probes.items():
            if probe.due(progress.step, is_last):
                with evaluating(self.model):
                    measurement = probe.measure(self.model, self.task, probe_batch)
                self.update.clear()
                row |= measurement.scalars
                arrays |= {name: measurement.arrays} if measurement.arrays else {}
        if len(row) > 1 or arrays:
            self._record(row, arrays)

    def _record(self, row: dict[str, float | str], arrays: Mapping[str, Arrays]) -> None:
        step = self.progress.step
        if self.schedule is not None and "validation_loss" in row:
            if step > 0 and isinstance(self.schedule, ReduceLROnPlateau):
                self.schedule.step(float(row["validation_loss"]))
            row["learning_rate"] = float(self.optimizer.param_groups[0]["lr"])
        for name, measured in arrays.items():
            self.progress.arrays.setdefault(name, []).append((step, measured))
            for recorder in self.recorders:
                recorder.store(name, step, measured)
        self.progress.history.append(row)
        for recorder in self.recorders:
            recorder.record(row)

    def _evaluate(self) -> dict[str, float]:
        progress = self.progress
        evaluation = evaluate(self.model, self.task, self.validation)
        if not math.isfinite(evaluation.loss):
            raise NotFiniteError
        self._note_best(evaluation.loss)
        losses, progress.recent_losses = progress.recent_losses, []
        row = {
            "train_loss": sum(losses) / len(losses) if losses else math.nan,
            "gradient_norm": progress.gradient_norm,
            **evaluation.columns("validation"),
            **{f"validation_{name}": mean for name, mean in evaluation.measures.items()},
        }
        judged = {"loss": evaluation.loss, "error_rate": evaluation.error_rate, **evaluation.measures}
        for milestone in self.task.own_milestones:
            if milestone.met(judged, self.task.baseline_loss):
                progress.milestones.setdefault(milestone.name, progress.step)
        if progress.steps_to_solve is None and self.task.solved(evaluation.loss, evaluation.error_rate):
            row |= self._confirm()
        return row

    def _note_best(self, loss: float) -> None:
        """Keep the weights where this validation loss is lower than every one before; of equals the first stands."""
        progress = self.progress
        if loss < progress.best_loss:
            progress.best_loss, progress.best_step, progress.evaluations_since_best = loss, progress.step, 0
            self.best = weights_of(self.model)
        else:
            progress.evaluations_since_best += 1

    def _confirm(self) -> dict[str, float]:
        """Evaluate on fresh data whether the task is solved: of many evaluations one may meet the criterion by luck.

        Of finite data it is the validation split again.
        """
        progress = self.progress
        if progress.first_crossing_step is None:
            progress.first_crossing_step = progress.step
        progress.confirmation_attempts += 1
        stream = self.streams.confirmation_attempt(progress.confirmation_attempts)
        size = self.settings.confirm_examples or self.task.confirmation_examples
        evaluation = evaluate(self.model, self.task, self.examples(self.task, "validation", stream, size))
        if not math.isfinite(evaluation.loss):
            raise NotFiniteError
        if self.task.solved(evaluation.loss, evaluation.error_rate):
            progress.steps_to_solve = progress.step
        return {
            "confirmation_loss": evaluation.loss,
            "confirmation_error_rate": evaluation.error_rate,
            "confirmation_examples": evaluation.examples,
        }

    def _synchronized_time(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
