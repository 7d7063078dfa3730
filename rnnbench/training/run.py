"""One whole run: from its start or last checkpoint to its results."""

import copy
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler

from rnnbench.cells import State
from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import Interrupted, check
from rnnbench.machine import ExternalLoadMeter, is_shared
from rnnbench.model import Model
from rnnbench.probes import Probe
from rnnbench.recorders import Recorder, RunFolder
from rnnbench.schema import Status, milestone_column
from rnnbench.store.atomic import DamagedFileError
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.task import Split
from rnnbench.training.batch_check import check_batch
from rnnbench.training.checkpoint import CheckpointError, differences, from_plain, inconsistency, to_plain, writer
from rnnbench.training.evaluation import EVALUATION_BATCH, baseline_loss, evaluate
from rnnbench.training.loop import Loop, Progress, Weights, end_of_training, weights_of
from rnnbench.training.noise import Noise, unseeded_randomness
from rnnbench.training.settings import StepSettings, TrainSettings
from rnnbench.training.streams import Streams
from rnnbench.training.truncation import windows
from rnnbench.training.weights import digest_of


@dataclass
class Run:
    """A model, a task, an optimizer and the probes, seeded by the run's streams."""

    model: Model
    task: Task
    make_optimizer: Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer]
    settings: TrainSettings
    probes: Mapping[str, Probe]
    streams: Streams
    device: torch.device
    make_schedule: Callable[[torch.optim.Optimizer, int], LRScheduler] | None = None
    """Of the learning rate; called with the number of training steps too."""
    limits: StepSettings = field(init=False)
    """The settings with budget and interval in training steps."""

    def __post_init__(self) -> None:
        """Raises SettingError for a budget in epochs where the task has none, and for settings that complex parameters
        cannot have."""
        self.limits = self.settings.in_steps(self.task)
        for name, parameter in self.model.named_parameters():
            if parameter.is_complex():
                self._check_complex(name, parameter)

    def _check_complex(self, name: str, parameter: torch.nn.Parameter) -> None:
        if self.settings.gradient_clip_value is not None:
            raise SettingError(
                f"train.gradient_clip_value={self.settings.gradient_clip_value}: {name} is complex, and complex "
                "numbers have no order; use train.gradient_clip_norm"
            )
        tried = torch.nn.Parameter(torch.zeros(1, dtype=parameter.dtype))
        tried.grad = torch.zeros_like(tried)
        try:
            self.make_optimizer([tried]).step()
        except RuntimeError as error:
            raise SettingError(
                f"optimizer: takes no complex parameter, as {name} is; set optimizer.fused=false, or use another one"
            ) from error

    def execute(
        self, folder: RunFolder, recorders: Callable[[Progress], Sequence[Recorder]]
    ) -> tuple[Status, dict[str, Any]]:
        """Train from the folder's checkpoint or from the start, write the records, and return status and results.

        `recorders` builds the recorders from the progress that the run starts from. A signal ends it with a checkpoint.
        """
        started, others = time.monotonic(), ExternalLoadMeter()
        self.model.train()
        optimizer = self.make_optimizer(self.model.parameters())
        schedule = None if self.make_schedule is None else self.make_schedule(optimizer, self.limits.steps)
        made = [optimizer] if schedule is None else [optimizer, schedule]
        stateful = dict(zip(("model", "optimizer", "schedule"), (self.model, *made), strict=False))
        written_by = writer(folder.name, self._components(*made), self.device)
        noise = Noise(self.streams, self.device, self.settings.weight_noise)
        resumed = self._resume(folder, stateful, written_by)
        progress = resumed.progress
        before, others_before = progress.elapsed_s, progress.others_cpu_s

        def measure_time() -> None:
            progress.elapsed_s = before + time.monotonic() - started
            progress.others_cpu_s = others_before + others.cpu_s()

        def save() -> None:
            measure_time()
            folder.write_records(progress.history, progress.arrays)
            folder.save_checkpoint(
                {
                    "written_by": written_by,
                    **{name: each.state_dict() for name, each in stateful.items()},
                    "noise": noise.state(),
                    "carried": loop.carried,
                    "best": loop.best,
                    "progress": to_plain(progress),
                }
            )

        validation = self._held_out("validation", self.streams.validation)
        probe_batch = self._probe_batch()
        check_batch(self.task, probe_batch)
        unseeded = self._unseeded_randomness(probe_batch)
        if unseeded:
            print(f"rnnbench: {folder.name}: {unseeded}; the same seed may give other numbers", file=sys.stderr)
        loop = Loop(
            self.model,
            self.task,
            optimizer,
            self.limits,
            validation=validation,
            confirmation=self._confirmation,
            probe_batch=probe_batch,
            probes=self.probes,
            recorders=recorders(progress),
            save=save,
            noise=noise,
            schedule=schedule,
            progress=progress,
            carried=resumed.carried,
            best=resumed.best,
        )
        training = windows(self._training_batches(), self.settings.truncate)
        with noise.seeded():
            for _ in range(progress.step):
                check()
                next(training)
            if resumed.noise is not None:
                noise.restore(resumed.noise)
            try:
                status = loop.run(training)
            except Interrupted:
                raise
            except BaseException:
                folder.write_records(progress.history, progress.arrays)
                raise
        folder.write_records(progress.history, progress.arrays)
        last = weights_of(self.model)
        weights = {"last": last} | ({} if loop.best is None else {"best": loop.best})
        selected = weights.get(self.settings.selection, last)
        self.model.load_state_dict(selected)
        tested = self._tested(status)
        if self.settings.keep_weights:
            folder.save_weights(self._kept(weights, progress))
        results = self.reached(progress) | tested
        results |= {"weights_sha256": digest_of(selected), "unseeded_randomness": unseeded or None}
        measure_time()
        return status, results | {"wall_time_s": progress.elapsed_s} | _load(progress, self.model.backend.threads)

    def _resume(self, folder: RunFolder, stateful: Mapping[str, Any], written_by: Mapping[str, str]) -> "_Resumed":
        """What the folder's checkpoint holds, with the objects' states put back, or a new start.

        A checkpoint that the run cannot go on from is set aside, with a line that says why.
        """
        try:
            state = folder.load_checkpoint()
            resumed = None if state is None else self._restored(state, stateful, written_by)
        except CheckpointError as error:
            problem = str(error)
        except DamagedFileError as error:
            problem = error.problem
        else:
            if resumed is not None:
                return resumed
            folder.drop_records()
            return _Resumed(Progress())
        kept = folder.set_checkpoint_aside()
        folder.drop_records()
        print(
            f"rnnbench: {folder.name}: its checkpoint {problem}; it is kept as {kept.name}, and the run starts again "
            "from the beginning",
            file=sys.stderr,
        )
        return _Resumed(Progress())

    def _restored(
        self, state: Mapping[str, Any], stateful: Mapping[str, Any], written_by: Mapping[str, str]
    ) -> "_Resumed":
        """Put the states back, all or nothing. Raises CheckpointError when they do not fit."""
        if differing := differences(state.get("written_by"), written_by):
            raise CheckpointError(f"is of another {', '.join(differing)}")
        before = {name: copy.deepcopy(each.state_dict()) for name, each in stateful.items()}
        try:
            resumed = _Resumed(from_plain(state["progress"]), state["noise"], state["carried"], state["best"])
            problem = inconsistency(resumed.progress, self.limits.steps)
            for name, each in stateful.items():
                each.load_state_dict(state[name])
        except Exception as error:  # whatever is not as `save` made it
            problem = f"does not fit the run ({one_line(error)[:100]})"
        if problem is not None:
            for name, each in stateful.items():
                each.load_state_dict(before[name])
            raise CheckpointError(problem)
        return resumed

    def _components(self, *made: torch.optim.Optimizer | LRScheduler) -> list[type]:
        """The classes whose code the run's numbers come from, beside the package's own."""
        return [type(each) for each in (*self.model.cells, self.task, *self.probes.values(), *made)]

    def _training_batches(self) -> Iterator[Batch]:
        for batch in self.task.training_batches(self.settings.batch_size, self.streams.training):
            yield batch.to(self.device)

    def _probe_batch(self) -> Batch:
        return next(self.task.training_batches(self.settings.batch_size, self.streams.probes)).to(self.device)

    def _unseeded_randomness(self, batch: Batch) -> str:
        """What does not follow from the seed: a line's part on the cell, or on the task; "" where all does."""
        if found := unseeded_randomness(self.model, batch):
            return f"{type(self.model.cells[0]).__name__}: {found}"
        same = torch.Generator()
        same.manual_seed(self.streams.probes.initial_seed())
        again = next(self.task.training_batches(self.settings.batch_size, same)).to(self.device)
        if torch.equal(again.inputs, batch.inputs) and torch.equal(again.targets, batch.targets):
            return ""
        return f"{type(self.task).__name__}: two batches drawn from generators of the same state differ"

    def _kept(self, weights: Mapping[str, Weights], progress: Progress) -> dict[str, Any]:
        """What is kept of the trained model."""
        return {
            "input_size": self.task.input_size,
            "output_size": self.task.output_size,
            "selection": self.settings.selection,
            "steps": {"last": progress.step, "best": progress.best_step},
            "weights": dict(weights),
        }

    def _held_out(self, split: Split, generator: torch.Generator) -> list[Batch]:
        batches = self.task.evaluation_batches(split, self.settings.eval_examples, EVALUATION_BATCH, generator)
        return [batch.to(self.device) for batch in batches]

    def _confirmation(self, attempt: int) -> Iterator[Batch]:
        """Fresh examples as of the validation data; of finite data the validation split again."""
        size = self.settings.confirm_examples or self.task.confirmation_examples
        generator = self.streams.confirmation_attempt(attempt)
        for batch in self.task.evaluation_batches("validation", size, EVALUATION_BATCH, generator):
            yield batch.to(self.device)

    def reached(self, progress: Progress) -> dict[str, Any]:
        """What a run has come to, by column: steps to what it met, last and first values of the history, speed."""
        last: dict[str, float | str] = {}
        first: dict[str, float | str] = {}
        for row in progress.history:
            last |= row
            first = dict(row) | first
        probed = [name for probe in self.probes.values() for name in probe.columns if name in last]
        epoch = self.task.batches_per_epoch(self.settings.batch_size)
        repeated = [name for name in probed if sum(name in row for row in progress.history) > 1]
        return {
            "budget_steps": self.limits.steps,
            "steps_trained": progress.step,
            "epochs_trained": None if epoch is None else progress.batches / epoch,
            "training_ended_by": None if progress.diverged_at_step else end_of_training(progress, self.limits),
            **self._selected(progress),
            "has_criterion": self.task.has_criterion,
            "solved": progress.steps_to_solve is not None if self.task.has_criterion else None,
            "steps_to_solve": progress.steps_to_solve,
            "first_crossing_step": progress.first_crossing_step,
            "confirmation_attempts": progress.confirmation_attempts,
            **{
                milestone_column(milestone.name): progress.milestones.get(milestone.name)
                for milestone in self.task.own_milestones
            },
            "diverged_at_step": progress.diverged_at_step,
            "baseline_loss": self.task.baseline_loss,
            "measure": next(iter(self.task.own_measures), None),
            **{name: value for name, value in last.items() if name != "step"},
            **{f"{name}_initial": first[name] for name in repeated},
            **_speed(progress),
        }

    def _selected(self, progress: Progress) -> dict[str, Any]:
        """Which weights are evaluated on test data, and their validation loss."""
        losses = {int(row["step"]): row["validation_loss"] for row in progress.history if "validation_loss" in row}
        step = progress.best_step if self.settings.selection == "best" else max(losses, default=None)
        return {"selected_step": step, "selected_validation_loss": None if step is None else losses[step]}

    def _tested(self, status: Status) -> dict[str, Any]:
        """The baseline's loss on test data; the model's too, unless it diverged."""
        batches = self._held_out("test", self.streams.test)
        baseline = {"test_baseline_loss": baseline_loss(self.task, batches)}
        if status != Status.DONE:
            return baseline
        test = evaluate(self.model, self.task, batches)
        return baseline | test.columns("test")


@dataclass
class _Resumed:
    """Where a run resumes."""

    progress: Progress
    noise: dict[str, torch.Tensor] | None = None
    carried: list[State] | None = None
    best: Weights | None = None


def _load(progress: Progress, threads: int) -> dict[str, Any]:
    """The load by other processes while the run measured its times; nothing where the system does not report it."""
    load = progress.others_cpu_s / progress.elapsed_s
    return {} if math.isnan(load) else {"cpu_load": load, "times_shared": is_shared(load, threads)}


def _speed(progress: Progress) -> dict[str, float]:
    """Times of the training steps; nothing when there were none."""
    if not progress.step_times_s:
        return {}
    times, tokens = np.array(progress.step_times_s), np.array(progress.tokens)
    lower, median, upper = np.quantile(times, [0.25, 0.5, 0.75])
    return {
        "step_time_s": float(median),
        "step_time_lower_quartile_s": float(lower),
        "step_time_upper_quartile_s": float(upper),
        "tokens_per_second": float(np.median(tokens / times)),
        "training_time_s": float(times.sum()),
    }
