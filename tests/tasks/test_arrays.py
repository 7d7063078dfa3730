"""The task on a user's arrays: shapes, masks, splits, losses and measures beside scikit-learn's, refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnbench.tasks import Batch
from rnnbench.tasks.arrays import Arrays

EXAMPLES, STEPS = 20, 6
LENGTHS = np.random.default_rng(1).integers(2, STEPS + 1, EXAMPLES)
MASK = np.arange(STEPS) < LENGTHS[:, None]
TARGETS: dict[str, Any] = {
    "classes at the end": lambda draw: draw.integers(0, 3, EXAMPLES),
    "classes": lambda draw: draw.integers(0, 3, (EXAMPLES, STEPS)),
    "value at the end": lambda draw: draw.normal(size=EXAMPLES),
    "values at the end": lambda draw: draw.normal(size=(EXAMPLES, 4)),
    "values": lambda draw: draw.normal(size=(EXAMPLES, STEPS, 4)),
    "labels at the end": lambda draw: draw.random((EXAMPLES, 4)) < 0.3,
    "labels": lambda draw: draw.random((EXAMPLES, STEPS, 4)) < 0.3,
}


def made(folder: Path, targets: str, masked: bool, **settings: Any) -> tuple[Arrays, dict[str, Any]]:
    draw = np.random.default_rng(0)
    arrays = {"inputs": draw.normal(size=(EXAMPLES, STEPS, 2)), "targets": TARGETS[targets](draw)}
    if masked:
        arrays["mask"] = MASK
    np.savez(folder / "data.npz", **arrays)
    return Arrays(folder / "data.npz", **settings), arrays


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("targets", TARGETS)
def test_losses_and_measures_beside_scikit_learn(tmp_path: Path, targets: str, masked: bool) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    task, _ = made(tmp_path, targets, masked)
    batch = task.examples("training", range(task.split_size("training")))
    outputs = torch.randn(*batch.targets.shape[:2], task.output_size, generator=torch.Generator().manual_seed(0))
    scored = torch.ones(batch.targets.shape[:2], dtype=torch.bool) if batch.scored is None else batch.scored
    given, right = outputs[scored].double(), batch.targets[scored]
    (name,) = task.own_measures
    measure = batch.total(task.measure_steps(outputs, batch)[name].values) / float(batch.weights.sum())
    loss = float(task.mean_loss(outputs, batch))
    if task.kind == "classification":
        probabilities = given.softmax(1)
        assert loss == pytest.approx(metrics.log_loss(right, probabilities, labels=range(task.output_size)), rel=1e-5)
        assert measure == pytest.approx(metrics.accuracy_score(right, given.argmax(1)))
    elif task.kind == "regression":
        assert loss == pytest.approx(metrics.mean_squared_error(right, given), rel=1e-5)
        assert measure == pytest.approx(metrics.mean_absolute_error(right, given), rel=1e-5)
        assert task.correct(outputs, batch) is None
    else:
        labels, probabilities = right.flatten(), given.sigmoid().flatten()
        assert loss == pytest.approx(metrics.log_loss(labels, probabilities), rel=1e-5)
        assert measure == pytest.approx(metrics.accuracy_score(labels, probabilities > 0.5))
    assert task.baseline_loss == pytest.approx(best_constant_loss(task, right), rel=3e-2)  # one is added to counts
    mean = float(task.mean_loss(task.baseline_outputs(batch), batch))
    assert mean == pytest.approx(task.baseline_loss, rel=1e-5)


def best_constant_loss(task: Arrays, right: Tensor) -> float:
    """The smallest loss of any constant, in closed form."""
    if task.kind == "regression":
        return float(right.double().var(0, correction=0).mean())
    if task.kind == "classification":
        return float(torch.special.entr(torch.bincount(right, minlength=task.output_size) / len(right)).sum())
    return float((torch.special.entr(right.mean(0)) + torch.special.entr(1 - right.mean(0))).mean())


@pytest.mark.parametrize("targets", ["classes at the end", "values"])
def test_batches_hold_the_arrays(tmp_path: Path, targets: str) -> None:
    task, arrays = made(tmp_path, targets, masked=True)
    found = []
    for split in ("training", "validation", "test"):
        batch = task.examples(split, range(task.split_size(split)))
        assert batch.lengths is not None
        assert batch.scored is not None
        for example, length in enumerate(batch.lengths.tolist()):
            inputs = batch.inputs[:length, example].numpy()
            ((number,),) = np.nonzero((arrays["inputs"].astype("float32")[:, :2] == inputs[:2]).all((1, 2)))
            found.append(number)
            assert length == LENGTHS[number]
            np.testing.assert_array_equal(inputs, arrays["inputs"][number, :length].astype("float32"))
            assert not batch.inputs[length:, example].any()
            own = batch.targets[:, example][batch.scored[:, example]].numpy()
            expected = arrays["targets"][number]
            np.testing.assert_array_equal(own, np.atleast_1d(expected)[:length].astype(own.dtype))
    assert sorted(found) == list(range(EXAMPLES))


def test_splits_follow_their_own_seed(tmp_path: Path) -> None:
    def tested(**settings: Any) -> Batch:
        task, _ = made(tmp_path, "classes", masked=False, **settings)
        return task.examples("test", range(task.split_size("test")))

    assert torch.equal(tested().inputs, tested().inputs)
    assert not torch.equal(tested().inputs, tested(split_seed=1).inputs)
    assert tested(test=0.25).inputs.shape[1] == 5


def test_given_splits_are_kept(tmp_path: Path) -> None:
    arrays = {}
    for number, part in enumerate(("training", "validation", "test")):
        arrays[f"inputs_{part}"] = np.full((number + 2, 3), number, "uint8")
        arrays[f"targets_{part}"] = np.arange(number + 2) % 2
    np.savez(tmp_path / "given.npz", **arrays)
    task = Arrays(tmp_path / "given.npz")
    assert [task.split_size(part) for part in ("training", "validation", "test")] == [2, 3, 4]
    assert task.examples("test", [0]).inputs.unique().tolist() == [2]
    arrays["inputs_test"] = np.zeros((4, 3, 2))
    np.savez(tmp_path / "given.npz", **arrays)
    with pytest.raises(ValueError, match="must agree in features"):
        Arrays(tmp_path / "given.npz")


def test_tokens(tmp_path: Path) -> None:
    np.savez(tmp_path / "tokens.npz", inputs=np.arange(40).reshape(10, 4) % 7, targets=np.arange(10) % 2)
    task = Arrays(tmp_path / "tokens.npz", tokens=True)
    assert (task.vocabulary, task.input_size) == (7, 7)
    assert task.examples("training", [0, 1]).inputs.dtype == torch.long


GOOD = {"inputs": np.zeros((4, 3, 2)), "targets": np.array([0, 1, 0, 1])}
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    # arrays that are changed, settings, and what the line says
    "text": ({"targets": np.array(["a", "b", "a", "b"])}, {}, "its targets (4, <U1) must be finite numbers"),
    "shape": ({"inputs": np.zeros((4, 3, 2, 1))}, {}, "its inputs (4x3x2x1, float64) must be examples x time"),
    "not finite": ({"inputs": np.full((4, 3), np.nan)}, {}, "its inputs (4x3, float64) must be finite"),
    "negative": ({"targets": np.array([0, -1, 0, 1])}, {}, "must be classes from 0"),
    "one class": ({"targets": np.zeros(4, int)}, {}, "must hold at least two classes"),
    "mask": ({"mask": np.array([[0, 1, 1]] * 4)}, {}, "its mask (4x3, int64) must be examples x time, 1 at"),
    "classes": ({"targets": np.linspace(0, 1, 4)}, {"kind": "classification"}, "must be integers"),
    "tokens": ({}, {"tokens": True}, "its inputs (4x3x2, float64) must be integers from 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals_name_array_shape_and_dtype(tmp_path: Path, case: str) -> None:
    changed, settings, problem = BAD[case]
    np.savez(tmp_path / "bad.npz", **(GOOD | changed))
    with pytest.raises(ValueError, match=r"^path=[^\n]*task.path=FILE$") as caught:
        Arrays(tmp_path / "bad.npz", **settings)
    assert problem in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"not an archive", b"PK\x03\x04 cut"])
def test_files_that_are_no_archive(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        np.save(tmp_path / "bad.npy", np.zeros(3))
    else:
        (tmp_path / "bad.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"^path=[^\n]*: cannot be used \("):
        Arrays(tmp_path / "bad.npy")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="has no array 'inputs_training'; it holds x"):
        Arrays(tmp_path / "other.npz")
