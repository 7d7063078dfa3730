"""Arrays: sequences and targets of your own, from one NumPy .npz file.

The file at `path` holds `inputs` and `targets`, one entry per example:

- `inputs` (examples, time, features) or, with one feature, (examples, time); with `tokens` integers (examples, time)
- `targets` of one of three kinds. Classification: integers from 0, (examples,) for a class at the end of each sequence
  or (examples, time) for one at every step. Regression: numbers, (examples, outputs) at the end, (examples, time,
  outputs) at every step. Labels, several binary ones: booleans or 0 and 1, in the shapes of regression. One output at
  the end may be (examples,). `kind` says which it is; without it, integers are classes, floats values and booleans
  labels.
- `mask` (examples, time), optional: 1 at the real steps of each example and 0 at the padding behind them. A target at
  the end is then that of the last real step.

It has them once, and the examples are dealt out at random, by `split_seed` and not by the run's seed, to validation,
test and training; or three times, as `inputs_training`, `inputs_validation`, `inputs_test` and so on. Nothing is
scaled: features and values are used as they are.

Losses, each the mean over the scored steps: the cross-entropy in nats; the squared error, mean over the outputs; the
binary cross-entropy in nats, mean over the labels. The memoryless baseline is the best constant for the training
targets, of all scored steps together: the frequencies of the classes or labels, with one added to each count so that
none is impossible, or the mean. It is the training part's; elsewhere its loss may be higher.

Solved: there is no criterion. Measured beside the loss, over the scored steps: accuracy; the mean absolute error; the
fraction of labels that are right. An example is correct when every class or label of it is; values have no right and
wrong.
"""

import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.data_file import data_file
from rnnbench.tasks.finite_task import FiniteTask, Part
from rnnbench.tasks.task import Batch, StepMeasure

REMEDY = "make the file with numpy.savez(FILE, inputs=..., targets=...) and name it, as task.path=FILE"
PARTS: tuple[Part, ...] = ("training", "validation", "test")
Kind = Literal["classification", "regression", "labels"]
BY_DTYPE: Mapping[str, Kind] = {"i": "classification", "u": "classification", "f": "regression", "b": "labels"}
MEASURES: Mapping[Kind, str] = {
    "classification": "accuracy", "regression": "mean_absolute_error", "labels": "label_accuracy",
}  # fmt: skip
NUMBERS = "iufb"
"""Kinds of dtypes: integers with and without sign, floats, booleans."""


class Arrays(FiniteTask):
    """The sequences in the .npz file at `path`; another file is another difficulty."""

    difficulty = "path"
    solved_error_rate = 0.0
    step_measures: ClassVar[Mapping[str, str]] = {
        "accuracy": "of classes: fraction of scored steps whose class is right",
        "mean_absolute_error": "of values: mean over outputs and scored steps",
        "label_accuracy": "of labels: fraction that is right, a label being given where its probability is above 1/2",
    }

    def __init__(
        self,
        path: str | Path,
        kind: Kind | None = None,
        tokens: bool = False,
        validation: float = 0.15,
        test: float = 0.15,
        split_seed: int = 0,
    ) -> None:
        if split_seed < 0:
            raise ValueError(f"split_seed={split_seed}: must be at least 0")
        if min(validation, test) <= 0 or validation + test >= 1:
            raise ValueError(f"validation={validation}: must, like test={test}, be above 0, and both together below 1")
        file = _Archive(path)
        suffixes = [""] if "inputs" in file.arrays else [f"_{part}" for part in PARTS]
        given = [_Part(file, suffix, kind, tokens) for suffix in suffixes]
        first = given[0]
        for other in given[1:]:
            first.check_like(other)
        self.kind = first.kind
        self._at_end = first.at_end
        inputs = [part.inputs for part in given]
        features = int(max(int(part.max()) for part in inputs)) + 1 if tokens else first.inputs.shape[2]
        self.input_size = features
        self.vocabulary = features if tokens else None
        if self.kind == "classification":
            self.output_size = int(max(int(part.targets.max()) for part in given)) + 1
            if self.output_size < 2:
                raise file.wrong("targets", first.targets, "hold class 0 alone and must hold at least two classes")
        else:
            self.output_size = first.targets.shape[-1]
        self._parts: dict[Part, _Part] = dict(zip(PARTS, given, strict=False))
        if len(given) == 1:
            examples = len(first.inputs)
            order = np.random.default_rng(split_seed).permutation(examples)
            ends = np.cumsum([round(validation * examples), round(test * examples)])
            if ends[0] < 1 or ends[1] - ends[0] < 1 or ends[1] >= examples:
                raise file.wrong("inputs", first.inputs, f"have {examples} examples, too few for three parts")
            dealt = dict(zip(("validation", "test", "training"), np.split(order, ends), strict=True))
            self._parts = {part: first.chosen(np.sort(dealt[part])) for part in PARTS}

    @property
    def own_measures(self) -> tuple[str, ...]:
        return (MEASURES[self.kind],)

    @cached_property
    def _constant(self) -> Float[Tensor, " output"]:
        """The outputs that fit the training targets best, whatever the input."""
        training = self._parts["training"]
        scored: Any = training.targets if self._at_end else training.targets[training.mask]
        if self.kind == "classification":
            counts = np.bincount(scored.ravel(), minlength=self.output_size) + 1.0
            return torch.tensor(np.log(counts / counts.sum()))
        values = scored.reshape(-1, self.output_size)
        if self.kind == "regression":
            return torch.tensor(values.mean(0, dtype=np.float64))
        return torch.logit(torch.tensor((values.sum(0) + 1.0) / (len(values) + 2.0)))

    @property
    def baseline_loss(self) -> float:
        return self._baseline_loss

    @cached_property
    def _baseline_loss(self) -> float:
        whole = self.examples("training", range(self.split_size("training")))
        constant = self._constant.expand(*whole.targets.shape[:2], self.output_size)
        targets = whole.targets if self.kind == "classification" else whole.targets.double()
        losses = self.step_losses(constant, targets)
        return whole.total(losses) / float(whole.weights.double().sum())

    def baseline_outputs(self, batch: Batch) -> Tensor:
        constant = self._constant.float().to(batch.targets.device)
        return constant.expand(*batch.targets.shape[:2], self.output_size)

    def split_size(self, split: Part) -> int:
        return len(self._parts[split].inputs)

    def examples(self, split: Part, chosen: Sequence[int]) -> Batch:
        part = self._parts[split].chosen(np.asarray(chosen))
        lengths = part.mask.sum(1)
        longest = int(lengths.max())
        inputs = torch.tensor(part.inputs[:, :longest]).transpose(0, 1).contiguous()
        padding = ~torch.tensor(part.mask[:, :longest]).T
        inputs[padding] = 0
        ragged = bool(padding.any())
        if self._at_end:
            targets = torch.tensor(part.targets)
            if not ragged:
                return Batch(inputs, targets.unsqueeze(0))
            return Batch.scored_at_ends(inputs, targets, torch.tensor(lengths), int(lengths.min()))
        targets = torch.tensor(part.targets[:, :longest]).transpose(0, 1).contiguous()
        return Batch(inputs, targets, ~padding, torch.tensor(lengths)) if ragged else Batch(inputs, targets)

    def step_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.kind == "classification":
            return functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")
        if self.kind == "regression":
            return (outputs - targets).square().mean(2)
        return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(2)

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor | None:
        if self.kind == "classification":
            return batch.at_every_scored_step(outputs.argmax(2) == batch.targets)
        if self.kind == "labels":
            return batch.at_every_scored_step(((outputs > 0) == (batch.targets > 0)).all(2))
        return None

    def measure_steps(self, outputs: Tensor, batch: Batch) -> dict[str, StepMeasure]:
        if self.kind == "classification":
            values = (outputs.argmax(2) == batch.targets).to(outputs)
        elif self.kind == "regression":
            values = (outputs - batch.targets).abs().mean(2)
        else:
            values = ((outputs > 0) == (batch.targets > 0)).to(outputs).mean(2)
        return {MEASURES[self.kind]: StepMeasure(values)}


class _Archive:
    """The arrays of the file by name. Raises ValueError with one line where it cannot be read as such."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        file = data_file(path, REMEDY)
        try:
            with file.open("rb") as opened:
                loaded = np.load(opened, allow_pickle=False)
                if not isinstance(loaded, np.lib.npyio.NpzFile):
                    raise ValueError(f"path={path}: holds one array and must be an .npz archive of several; {REMEDY}")
                with loaded:
                    self.arrays = {name: self._array(loaded, name) for name in loaded.files}
        except (OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"path={path}: cannot be read as an .npz file ({_brief(error)}); {REMEDY}") from None
        except ValueError as error:
            if str(error).startswith("path="):
                raise
            raise ValueError(f"path={path}: cannot be read as an .npz file ({_brief(error)}); {REMEDY}") from None

    def _array(self, loaded: Any, name: str) -> "np.ndarray[Any, Any]":
        try:
            array: np.ndarray[Any, Any] = loaded[name]
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            reason = "holds Python objects, which are not read" if "allow_pickle" in str(error) else _brief(error)
            raise ValueError(
                f"path={self.path}: its array {name!r} cannot be read ({reason}); save numbers, padded to one length, "
                "with a mask"
            ) from None
        return array

    def wrong(self, name: str, array: "np.ndarray[Any, Any]", problem: str) -> ValueError:
        """The one line for an array that is not as it must be."""
        shape = "x".join(map(str, array.shape)) or "()"
        return ValueError(
            f"path={self.path}: its {name} ({shape}, {array.dtype}) {problem}; see task=arrays in the docs"
        )

    def get(self, name: str) -> "np.ndarray[Any, Any]":
        """The array of that name."""
        if name not in self.arrays:
            held = ", ".join(self.arrays) or "nothing"
            raise ValueError(
                f"path={self.path}: has no array {name!r}; it holds {held} and must hold inputs and targets, or these "
                "with _training, _validation and _test"
            )
        array = self.arrays[name]
        if array.dtype.kind not in NUMBERS:
            raise self.wrong(name, array, "must be numbers")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self.wrong(name, array, "hold a value that is not finite; a mask says what is padding")
        return array


class _Part:
    """Inputs, targets and mask of some examples, checked, in the dtypes that torch wants."""

    inputs: "np.ndarray[Any, Any]"
    targets: "np.ndarray[Any, Any]"
    mask: "np.ndarray[Any, np.dtype[np.bool_]]"

    def __init__(self, file: _Archive, suffix: str, kind: Kind | None, tokens: bool) -> None:
        self.file, self.suffix = file, suffix
        self._read_inputs(tokens)
        examples, steps = self.inputs.shape[:2]
        self._read_mask(examples, steps)
        self._read_targets(kind, examples, steps)

    def _read_inputs(self, tokens: bool) -> None:
        name = f"inputs{self.suffix}"
        inputs = self.file.get(name)
        if inputs.size == 0:
            raise self.file.wrong(name, inputs, "are empty")
        if tokens:
            if inputs.ndim != 2 or inputs.dtype.kind not in "iu" or int(inputs.min()) < 0:
                raise self.file.wrong(name, inputs, "must be integers from 0, examples x time, with tokens=true")
            self.inputs = inputs.astype(np.int64)
            return
        if inputs.ndim not in (2, 3):
            raise self.file.wrong(name, inputs, "must be examples x time x features, or examples x time")
        with np.errstate(over="ignore"):
            self.inputs = inputs.astype(np.float32).reshape(*inputs.shape[:2], -1)
        if not np.isfinite(self.inputs).all():
            raise self.file.wrong(name, inputs, "hold a value beyond single precision")

    def _read_mask(self, examples: int, steps: int) -> None:
        name = f"mask{self.suffix}"
        if name not in self.file.arrays:
            self.mask = np.ones((examples, steps), bool)
            return
        given = self.file.get(name)
        if given.shape != (examples, steps) or not np.isin(given, (0, 1)).all():
            raise self.file.wrong(name, given, f"must be 0 and 1, examples x time ({examples}x{steps})")
        self.mask = given.astype(bool)
        if not self.mask[:, 0].all() or (self.mask[:, 1:] & ~self.mask[:, :-1]).any():
            raise self.file.wrong(name, given, "must be 1 at the first steps of each example and 0 at all behind them")

    def _read_targets(self, kind: Kind | None, examples: int, steps: int) -> None:
        name = f"targets{self.suffix}"
        targets = self.file.get(name)
        self.kind: Kind = kind or BY_DTYPE[targets.dtype.kind]
        if targets.ndim == 0 or len(targets) != examples:
            raise self.file.wrong(name, targets, f"must have an entry for each of the {examples} examples")
        if self.kind == "classification":
            self._set_classes(name, targets, (examples, steps))
            return
        self.at_end = targets.ndim < 3
        values = targets.reshape(examples, 1) if targets.ndim == 1 else targets
        if values.ndim not in (2, 3) or values.shape[-1] == 0 or (values.ndim == 3 and values.shape[1] != steps):
            raise self.file.wrong(
                name, targets, f"must be examples x outputs, or examples x time ({steps}) x outputs, for {self.kind}"
            )
        if self.kind == "labels" and not np.isin(values, (0, 1)).all():
            raise self.file.wrong(name, targets, "must be 0 and 1, or booleans, for labels")
        self.targets = values.astype(np.float32)

    def _set_classes(self, name: str, targets: "np.ndarray[Any, Any]", per_step: tuple[int, int]) -> None:
        if targets.dtype.kind not in "iu":
            raise self.file.wrong(name, targets, "must be integers for classification")
        self.at_end = targets.ndim == 1
        if not self.at_end and targets.shape != per_step:
            raise self.file.wrong(
                name, targets, f"must be examples ({per_step[0]}), or examples x time ({per_step[1]})"
            )
        real = targets if self.at_end else targets[self.mask]
        if int(real.min()) < 0:
            raise self.file.wrong(name, targets, "must be classes from 0; a mask says what is padding")
        self.targets = (targets if self.at_end else np.where(self.mask, targets, 0)).astype(np.int64)

    def check_like(self, other: "_Part") -> None:
        """Raise ValueError where the other part's arrays are not of the same sizes and kind."""
        name, sizes = f"inputs{other.suffix}", self.inputs.shape[2:]
        if other.inputs.shape[2:] != sizes:
            raise self.file.wrong(
                name, self.file.arrays[name], f"must have the features of inputs{self.suffix}, {sizes[0]}"
            )
        name = f"targets{other.suffix}"
        if (other.kind, other.at_end) != (self.kind, self.at_end):
            raise self.file.wrong(
                name, self.file.arrays[name], f"must be of the kind and dimensions of targets{self.suffix}"
            )
        if self.kind != "classification" and other.targets.shape[-1] != self.targets.shape[-1]:
            raise self.file.wrong(name, self.file.arrays[name], f"must have as many outputs as targets{self.suffix}")

    def chosen(self, index: "np.ndarray[Any, Any]") -> "_Part":
        """Some of the examples."""
        part = object.__new__(_Part)
        part.file, part.suffix, part.kind, part.at_end = self.file, self.suffix, self.kind, self.at_end
        part.inputs, part.targets, part.mask = self.inputs[index], self.targets[index], self.mask[index]
        return part


def _brief(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
