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
test and training; or three times, as `inputs_training`, `inputs_validation`, `inputs_test` and so on. Test sets of
other lengths, for `evaluation.lengths=[200,400]`, are `inputs_test_200`, `targets_test_200` and so on. Nothing is
scaled: features and values are used as they are.

Losses, each the mean over the scored steps: the cross-entropy in nats; the squared error, mean over the outputs; the
binary cross-entropy in nats, mean over the labels. The baseline is the best constant for the training
targets, of all scored steps together: the frequencies of the classes or labels, with one added to each count so that
none is impossible, or the mean. It is the training part's; elsewhere its loss may be higher.

Solved: there is no criterion. Measured besides the loss, over the scored steps: accuracy; the mean absolute error; the
fraction of labels that are right. An example is correct when every class or label of it is; values have no right and
wrong.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal
from zipfile import is_zipfile

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.finite_task import PARTS, FiniteTask, Part, check_fractions, read_file
from rnnbench.tasks.task import Batch, StepMeasure, at_least

REMEDY = (
    "save numbers, padded to one length, with numpy.savez(FILE, inputs=..., targets=..., mask=...) and name the file, "
    "as task.path=FILE"
)
Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["classification", "regression", "labels"]
BY_DTYPE: Mapping[str, Kind] = {"i": "classification", "u": "classification", "f": "regression", "b": "labels"}
MEASURES: Mapping[Kind, str] = {
    "classification": "accuracy", "regression": "mean_absolute_error", "labels": "label_accuracy",
}  # fmt: skip


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
        at_least(0, "split_seed", split_seed, "a seed")
        check_fractions(validation, test)
        self.path = path
        given = read_file(path, lambda file: _read(file, kind, tokens), REMEDY)
        first = given[0]
        self.kind, self._at_end = first.kind, first.at_end
        self.input_size = 1 + max(int(part.inputs.max()) for part in given) if tokens else first.inputs.shape[2]
        self.vocabulary = self.input_size if tokens else None
        self.output_size = first.targets.shape[-1]
        if self.kind == "classification":
            self.output_size = 1 + max(int(part.targets.max()) for part in given)
            if self.output_size < 2:
                raise ValueError(f"path={path}: its targets must hold at least two classes; {REMEDY}")
        self._parts: dict[Part, _Part] = dict(zip(PARTS, given, strict=False))
        if len(given) == 1:
            examples = len(first.inputs)
            order = np.random.default_rng(split_seed).permutation(examples)
            ends = np.cumsum([round(validation * examples), round(test * examples)])
            dealt = dict(zip(("validation", "test", "training"), np.split(order, ends), strict=True))
            if not all(map(len, dealt.values())):
                raise ValueError(f"path={path}: has {examples} examples, too few for three parts; {REMEDY}")
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

    @cached_property
    def baseline_loss(self) -> float:
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

    def at_length(self, length: int) -> "Arrays":
        """The task with the file's test set of that length, `inputs_test_<length>` and so on."""
        tokens = self.vocabulary is not None
        *_, part = read_file(self.path, lambda file: _read(file, self.kind, tokens, f"_test_{length}"), REMEDY)
        if part.inputs.shape[1] != length:
            raise ValueError(f"path={self.path}: its inputs_test_{length} must have {length} steps; {REMEDY}")
        known = {"inputs": self.vocabulary, "targets": self.output_size if self.kind == "classification" else None}
        for name, size in known.items():
            if size is not None and (largest := int(getattr(part, name).max())) >= size:
                raise ValueError(f"path={self.path}: its {name}_test_{length} have {largest}; others end at {size - 1}")
        other = copy(self)
        other._parts = {**self._parts, "test": part}
        return other

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


@dataclass(frozen=True)
class _Part:
    """Some examples, in the dtypes that torch wants; `at_end`: with a target at the end of each alone."""

    inputs: Array
    targets: Array
    mask: Array
    kind: Kind
    at_end: bool

    def chosen(self, index: Array) -> "_Part":
        """Some of the examples."""
        return replace(self, inputs=self.inputs[index], targets=self.targets[index], mask=self.mask[index])


def _read(file: Path, kind: Kind | None, tokens: bool, *further: str) -> list[_Part]:
    """The whole of the data, or its three parts, and further parts."""
    if not is_zipfile(file):
        raise ValueError("it is no .npz archive")
    with np.load(file, allow_pickle=False) as loaded:
        arrays = dict(loaded)
    suffixes = [""] if "inputs" in arrays else [f"_{part}" for part in PARTS]
    parts = [_part(arrays, suffix, kind, tokens) for suffix in (*suffixes, *further)]
    outputs = [1 if part.kind == "classification" else part.targets.shape[-1] for part in parts]
    if len({(part.inputs.shape[2:], part.kind, part.at_end, of) for part, of in zip(parts, outputs, strict=True)}) > 1:
        raise ValueError("its parts must agree in features, outputs and the kind of targets")
    return parts


def _part(arrays: Mapping[str, Array], suffix: str, kind: Kind | None, tokens: bool) -> _Part:
    """The examples of one part. Raises ValueError, naming the array, its shape and its dtype, where it does not fit."""
    name = f"inputs{suffix}"
    inputs = _numbers(arrays, name)
    _check(inputs.ndim in (2, 3) and inputs.size, inputs, name, "be examples x time x features, or examples x time")
    if tokens:
        fits = inputs.ndim == 2 and inputs.dtype.kind in "iu" and inputs.min() >= 0
        _check(fits, inputs, name, "be integers from 0, examples x time, with tokens=true")
    shape = inputs.shape[:2]
    inputs = inputs.astype(np.int64) if tokens else inputs.astype(np.float32).reshape(*shape, -1)

    name = f"mask{suffix}"
    mask = arrays.get(name, np.ones(shape))
    fits = (
        mask.shape == shape
        and np.isin(mask, (0, 1)).all()
        and mask[:, 0].all()
        and (np.diff(mask.astype(int)) <= 0).all()
    )
    _check(fits, mask, name, "be examples x time, 1 at the first steps of each example and 0 at all behind them")
    return _Part(inputs, *_targets(arrays, f"targets{suffix}", mask.astype(bool), kind))


def _targets(arrays: Mapping[str, Array], name: str, mask: Array, kind: Kind | None) -> tuple[Array, Array, Kind, bool]:
    """The targets, the mask, and what the targets are."""
    given = _numbers(arrays, name)
    examples, steps = mask.shape
    kind = kind or BY_DTYPE[given.dtype.kind]
    entries = given.ndim > 0 and len(given) == examples and given.size
    _check(entries, given, name, f"have an entry for each of the {examples} examples")
    if kind == "classification":
        at_end = given.ndim == 1
        fits = given.dtype.kind in "iu" and (at_end or given.shape == mask.shape)
        _check(fits, given, name, "be integers, examples or examples x time, for classification")
        targets = (given if at_end else np.where(mask, given, 0)).astype(np.int64)
        _check(targets.min() >= 0, given, name, "be classes from 0; a mask says what is padding")
        return targets, mask, kind, at_end
    at_end = given.ndim < 3
    fits = at_end or (given.ndim == 3 and given.shape[1] == steps)
    _check(fits, given, name, f"be examples x outputs, or examples x time x outputs, for {kind}")
    _check(kind != "labels" or np.isin(given, (0, 1)).all(), given, name, "be 0 and 1, or booleans, for labels")
    targets = given.astype(np.float32)
    return targets.reshape(examples, -1) if at_end else targets, mask, kind, at_end


def _numbers(arrays: Mapping[str, Array], name: str) -> Array:
    """The array of that name, of numbers that single precision can hold."""
    if name not in arrays:
        raise ValueError(f"has no array {name!r}; it holds {', '.join(arrays)}")
    array = arrays[name]
    with np.errstate(over="ignore"):
        fits = array.dtype.kind in BY_DTYPE and np.isfinite(array.astype(np.float32)).all()
    _check(fits, array, name, "be finite numbers, in single precision; a mask says what is padding")
    return array


def _check(fits: Any, array: Array, name: str, requirement: str) -> None:
    if not fits:
        shape = "x".join(map(str, array.shape)) or "()"
        raise ValueError(f"its {name} ({shape}, {array.dtype}) must {requirement}")
