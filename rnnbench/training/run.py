"""One whole run: from its start or last checkpoint to its results."""

import copy
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rnnbench.errors import one_line
from rnnbench.interruption import Interrupted, at_once
from rnnbench.machine import OthersMeter, is_shared
from rnnbench.model import Model
from rnnbench.probes import Probe
from rnnbench.recorders import Recorder, RunFolder
from rnnbench.schema import Status, milestone_column
from rnnbench.storage import DamagedFileError
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.task import Split
from rnnbench.training.checkpoint import CheckpointError, differences, from_plain, inconsistency, to_plain, writer
from rnnbench.training.evaluation import baseline_loss, evaluate
from rnnbench.training.loop import Loop, Progress, TrainSettings
from rnnbench.training.streams import Streams

EVALUATION_BATCH = 250
"""Examples evaluated at a time."""


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

    def execute(
        self, folder: RunFolder, recorders: Callable[[Progress], Sequence[Recorder]]
    ) -> tuple[Status, dict[str, Any]]:
        """Train from the folder's checkpoint or from the start, write the records, and return status and results.

        `recorders` builds the recorders from the progress that the run starts from. A signal ends it with a checkpoint.
        """
        started, others = time.monotonic(), OthersMeter()
        optimizer = self.make_optimizer(self.model.parameters())
        written_by = writer(folder.name, self._components(optimizer))
        progress = self._resume(folder, optimizer, written_by)
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
                    "model": self.model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "progress": to_plain(progress),
                }
            )

        batch_size, streams = self.settings.batch_size, self.streams
        with at_once():
            validation = self._held_out("validation", streams.validation)
            probe_batch = next(self.task.training_batches(batch_size, streams.probes)).to(self.device)
        loop = Loop(
            self.model,
            self.task,
            optimizer,
            self.settings,
            validation=validation,
            confirmation=self._confirmation,
            probe_batch=probe_batch,
            probes=self.probes,
            recorders=recorders(progress),
            save=save,
            progress=progress,
        )
        training = self.task.training_batches(batch_size, streams.training)
        try:
            status = loop.run(batch.to(self.device) for batch in training)
        except (Exception, SystemExit):
            folder.write_records(progress.history, progress.arrays)
            raise
        folder.write_records(progress.history, progress.arrays)
        try:
            with at_once():
                tested = self._tested(status)
        except Interrupted:
            if status == Status.DONE:  # of a step that diverged there is no checkpoint: it is done again
                loop.checkpoint()
            raise
        results = self.reached(progress) | tested
        measure_time()
        return status, results | {"wall_time_s": progress.elapsed_s} | _load(progress, self.model.backend.threads)

    def _resume(self, folder: RunFolder, optimizer: torch.optim.Optimizer, written_by: Mapping[str, str]) -> Progress:
        """The progress of the folder's checkpoint, with its weights put back, or a new one.

        A checkpoint that the run cannot go on from is set aside, with a line that says why.
        """
        try:
            state = folder.load_checkpoint()
            progress = None if state is None else self._restored(state, optimizer, written_by)
        except CheckpointError as error:
            problem = str(error)
        except DamagedFileError as error:
            problem = error.problem
        else:
            if progress is not None:
                return progress
            folder.drop_records()
            return Progress()
        kept = folder.set_checkpoint_aside()
        folder.drop_records()
        print(
            f"rnnbench: {folder.name}: its checkpoint {problem}; it is kept as {kept.name}, and the run starts again "
            "from the beginning",
            file=sys.stderr,
        )
        return Progress()

    def _restored(
        self, state: Mapping[str, Any], optimizer: torch.optim.Optimizer, written_by: Mapping[str, str]
    ) -> Progress:
        """Put weights and optimizer state back, all or nothing. Raises CheckpointError when they do not fit."""
        if differing := differences(state.get("written_by"), written_by):
            raise CheckpointError(f"is of another {', '.join(differing)}")
        weights = copy.deepcopy(self.model.state_dict())
        optimizer_state = copy.deepcopy(optimizer.state_dict())
        try:
            progress = from_plain(state["progress"])
            problem = inconsistency(progress, self.settings.steps)
            self.model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except Exception as error:  # whatever is not as `save` made it
            problem = f"does not fit the run ({one_line(error)[:100]})"
        if problem is not None:
            self.model.load_state_dict(weights)
            optimizer.load_state_dict(optimizer_state)
            raise CheckpointError(problem)
        return progress

    def _components(self, optimizer: torch.optim.Optimizer) -> list[type]:
        """The classes whose code the run's numbers come from, beside the package's own."""
        return [type(each) for each in (*self.model.cells, self.task, *self.probes.values(), optimizer)]

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
        repeated = [name for name in probed if sum(name in row for row in progress.history) > 1]
        return {
            "steps_trained": progress.step,
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

    def _tested(self, status: Status) -> dict[str, Any]:
        """The baseline's loss on test data; the model's too, unless it diverged."""
        batches = self._held_out("test", self.streams.test)
        baseline = {"test_baseline_loss": baseline_loss(self.task, batches)}
        if status != Status.DONE:
            return baseline
        test = evaluate(self.model, self.task, batches)
        return baseline | test.columns("test")


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
