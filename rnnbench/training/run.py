"""One whole run: from its start or last checkpoint to its results."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rnnbench.interruption import check
from rnnbench.machine import ExternalLoadMeter, is_shared
from rnnbench.recorders import Recorder, RunFolder
from rnnbench.schema import Status, length_column, milestone_column
from rnnbench.store.atomic import DamagedFileError
from rnnbench.tasks import Batch, Task
from rnnbench.tasks.wrapped import innermost
from rnnbench.training.batch_check import check_batch
from rnnbench.training.checkpoint import weights_digest, writer
from rnnbench.training.evaluation import EVALUATION_BATCH, baseline_loss, evaluate
from rnnbench.training.loop import Loop, weights_of
from rnnbench.training.progress import Progress
from rnnbench.training.randomness import seeded, unseeded_randomness
from rnnbench.training.truncation import windows


@dataclass
class Run(Loop):
    """A model, a task, an optimizer and the probes, which `resume` brings to a folder's checkpoint and `train` trains.

    As a dataclass it has the fields of `Loop`.
    """

    tests: Mapping[int, Task] = field(default_factory=dict)
    """The tasks at other lengths on which the trained model is evaluated."""
    resumed: Mapping[str, Any] = field(init=False, default_factory=dict)
    """The checkpoint that the run resumes from; empty at its start."""
    folder: RunFolder = field(init=False)
    written_by: Mapping[str, str] = field(init=False)
    """What writes the run's checkpoints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        stateful = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
        self.stateful: dict[str, Any] = {name: each for name, each in stateful.items() if each is not None}

    def resume(self, folder: RunFolder) -> None:
        """Put back the states and the progress of a checkpoint, or set aside one that does not fit."""
        made = [each for name, each in self.stateful.items() if name != "model"]
        components = [*self.model.cells, innermost(self.task), *self.probes.values(), *made]
        self.folder, self.written_by = folder, writer(folder.name, map(type, components), self.device)
        problem = None
        try:
            self.resumed = folder.load_checkpoint() or {}
        except DamagedFileError as error:
            problem = error.problem
        written_by = self.resumed.get("written_by", {})
        if self.resumed and (other := [key for key, now in self.written_by.items() if written_by.get(key) != now]):
            self.resumed, problem = {}, f"is of another {', '.join(other)}"
        if self.resumed:
            for name, each in self.stateful.items():
                each.load_state_dict(self.resumed[name])
            self.carried, self.best = self.resumed["carried"], self.resumed["best"]
            self.progress = Progress.from_plain(self.resumed["progress"])
            return
        if problem is not None:
            kept = folder.set_checkpoint_aside().name
            said = f"its checkpoint {problem}; it is kept as {kept}, and the run starts again from the beginning"
            print(f"rnnbench: {folder.name}: {said}", file=sys.stderr)
        folder.drop_records()

    def train(self, recorders: Sequence[Recorder]) -> tuple[Status, dict[str, Any]]:
        """Train on from where `resume` came to, write the records, return status and results. Raises Interrupted."""
        self.recorders, self.others = recorders, ExternalLoadMeter()
        self.model.train()
        probe_batch = self.task.probe_batch(self.settings.batch_size, self.streams.probes).to(self.device)
        check_batch(self.task, probe_batch)
        if unseeded := self._unseeded_randomness(probe_batch):
            print(f"rnnbench: {self.folder.name}: {unseeded}; the same seed may give other numbers", file=sys.stderr)
        self.validation = list(self.examples(self.task, "validation", self.streams.validation))
        try:
            status = self._trained(probe_batch)
        finally:
            self.folder.write_records(self.progress.history, self.progress.arrays)
        last = weights_of(self.model)
        weights = {"last": last} | ({} if self.best is None else {"best": self.best})
        selected = weights.get(self.settings.selection, last)
        self.model.load_state_dict(selected)
        tested = self._tested(status)
        if self.settings.keep_weights:
            self.folder.save_weights(
                {
                    "input_size": self.task.input_size,
                    "output_size": self.task.output_size,
                    "selection": self.settings.selection,
                    "steps": {"last": self.progress.step, "best": self.progress.best_step},
                    "weights": weights,
                }
            )
        self._take_time()
        results = {**self.reached(), **tested, "weights_sha256": weights_digest(selected)}
        results |= {"unseeded_randomness": unseeded or None, "wall_time_s": self.progress.elapsed_s}
        return status, results | _load(self.progress, self.model.backend.threads)

    def _trained(self, probe_batch: Batch) -> Status:
        batches = self.task.training_batches(self.settings.batch_size, self.streams.training)
        training = windows((batch.to(self.device) for batch in batches), self.settings.truncate)
        with seeded(self.streams.noise.initial_seed(), self.device):
            for _ in range(self.progress.step):
                check()
                next(training)
            if self.resumed:
                self.noise.restore(self.resumed["noise"])
            return self.loop(training, probe_batch)

    def checkpoint(self) -> None:
        self.update.part()
        self._take_time()
        self.folder.write_records(self.progress.history, self.progress.arrays)
        self.folder.save_checkpoint(
            {
                "written_by": self.written_by,
                **{name: each.state_dict() for name, each in self.stateful.items()},
                "noise": self.noise.state(),
                "carried": self.carried,
                "best": self.best,
                "progress": self.progress.to_plain(),
            }
        )
        self.saved_at = time.monotonic()

    def _take_time(self) -> None:
        """Add the time since the last call, and the CPU time that others used meanwhile, to the progress."""
        elapsed = time.monotonic() - self.others.start.wall
        self.progress.elapsed_s += elapsed
        self.progress.others_cpu_s += self.others.load() * elapsed
        self.others = ExternalLoadMeter()

    def _unseeded_randomness(self, batch: Batch) -> str:
        """What does not follow from the seed: a line's part on the cell, or on the task; "" where all does."""
        if found := unseeded_randomness(self.model, batch):
            return f"{type(self.model.cells[0]).__name__}: {found}"
        same = torch.Generator().manual_seed(self.streams.probes.initial_seed())
        again = self.task.probe_batch(self.settings.batch_size, same).to(self.device)
        if torch.equal(again.inputs, batch.inputs) and torch.equal(again.targets, batch.targets):
            return ""
        return f"{type(self.task).__name__}: two batches drawn from generators of the same state differ"

    def reached(self) -> dict[str, Any]:
        """What a run has come to, by column: steps to what it met, last and first values of the history, speed."""
        progress = self.progress
        last: dict[str, float | str] = {}
        first: dict[str, float | str] = {}
        for row in progress.history:
            last |= row
            first = dict(row) | first
        probed = [name for probe in self.probes.values() for name in probe.columns if name in last]
        epoch = self.task.batches_per_epoch(self.settings.batch_size)
        repeated = [name for name in probed if sum(name in row for row in progress.history) > 1]
        return {
            "budget_steps": self.settings.steps,
            "steps_trained": progress.step,
            "epochs_trained": None if epoch is None else progress.batches / epoch,
            "training_ended_by": None if progress.diverged_at_step else progress.ended_by(self.settings),
            **self._selected(),
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

    def _selected(self) -> dict[str, Any]:
        evaluated = [row for row in self.progress.history if "validation_loss" in row]
        losses = {int(row["step"]): row["validation_loss"] for row in evaluated}
        step = self.progress.best_step if self.settings.selection == "best" else max(losses, default=None)
        return {"selected_step": step, "selected_validation_loss": None if step is None else losses[step]}

    def _tested(self, status: Status) -> dict[str, Any]:
        """The baseline's loss on test data; the model's too, unless it diverged."""
        batches = list(self.examples(self.task, "test", self.streams.test))
        baseline = {"test_baseline_loss": baseline_loss(self.task, batches)}
        if status != Status.DONE:
            return baseline
        test = evaluate(self.model, self.task, batches)
        return baseline | test.columns("test") | self._at_other_lengths(max(len(batch.inputs) for batch in batches))

    def _at_other_lengths(self, steps: int) -> dict[str, float]:
        """Columns of fresh sequences of other lengths, in batches that take no more memory than one of `steps`."""
        found: dict[str, float] = {}
        for length, task in self.tests.items():
            stream, at_a_time = self.streams.other_length, max(1, EVALUATION_BATCH * steps // max(length, steps))
            for_model, for_baseline = (
                self.examples(task, "test", stream(length), at_a_time=at_a_time) for _ in range(2)
            )
            columns = evaluate(self.model, task, for_model).columns("test")
            baseline = baseline_loss(task, for_baseline)
            columns |= {} if baseline is None else {"test_baseline_loss": baseline}
            found |= {length_column(name, length): value for name, value in columns.items()}
        return found


def _load(progress: Progress, threads: int) -> dict[str, Any]:
    load = progress.others_cpu_s / progress.elapsed_s
    return {} if math.isnan(load) else {"cpu_load": load, "times_shared": is_shared(load, threads)}


def _speed(progress: Progress) -> dict[str, float]:
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
