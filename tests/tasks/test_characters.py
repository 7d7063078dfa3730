"""The character-level language model's data: windows, splits, vocabulary, measures and refusals."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnbench.cells.gru import Gru
from rnnbench.model import Model
from rnnbench.tasks.characters import Characters
from rnnbench.training.evaluation import baseline_loss, evaluate

TEXT = "abracadabra, ½ a cadabra\r\n" * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_bytes(TEXT.encode())
    return file


def shown(task: Characters, split: Any) -> str:
    """The characters that are predicted, in the order of the windows."""
    batch = task.examples(split, range(task.split_size(split)))
    return "".join(task.characters[int(token)] for token in batch.targets.T.flatten())


def test_windows_cover_contiguous_parts(path: Path) -> None:
    task = Characters(path, length=7, validation=0.2, test=0.1)
    characters = len(TEXT)
    held, tested = round(0.3 * characters), round(0.1 * characters)
    parts = TEXT[: characters - held], TEXT[characters - held : characters - tested], TEXT[characters - tested :]
    for split, part in zip(("training", "validation", "test"), parts, strict=True):
        found = shown(task, split)
        assert part[1:].startswith(found)
        assert len(part) - 1 - len(found) < 7
    batch = task.examples("training", [0, 1])
    assert torch.equal(batch.inputs[1:], batch.targets[:-1])
    assert torch.equal(batch.inputs[0, 1:], batch.targets[-1, :1])
    assert task.characters == sorted(set(TEXT))
    assert task.vocabulary == task.input_size == task.output_size == len(set(TEXT))


def test_unigram_model_in_closed_form(path: Path) -> None:
    """Its bits per character are the cross-entropy of the counts, by hand, on training and on other data."""
    task = Characters(path, length=5)
    counts = Counter(shown(task, "training"))
    total = sum(counts.values()) + len(set(TEXT))
    bits = {character: -math.log2((counts[character] + 1) / total) for character in set(TEXT)}

    def expected(text: str) -> float:
        return sum(bits[character] for character in text) / len(text)

    assert task.baseline_loss / math.log(2) == pytest.approx(expected(shown(task, "training")), rel=1e-12)
    loss = baseline_loss(task, task.evaluation_batches("test", 0, 3, torch.Generator()))
    assert loss is not None
    assert loss / math.log(2) == pytest.approx(expected(shown(task, "test")), rel=1e-6)
    batch = task.examples("test", range(task.split_size("test")))
    values = task.measure_steps(task.baseline_outputs(batch), batch)["bits_per_character"].values
    assert float(values.double().mean()) == pytest.approx(expected(shown(task, "test")), rel=1e-6)


@pytest.mark.parametrize("embedding", [None, 3])
def test_measures_are_those_of_independent_code(path: Path, embedding: int | None) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    task = Characters(path, length=9)
    model = Model(
        Gru, input_size=task.input_size, output_size=task.output_size, hidden_size=6, embedding=embedding,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    found = evaluate(model, task, task.evaluation_batches("validation", 0, 2, torch.Generator()))
    whole = task.examples("validation", range(task.split_size("validation")))
    with torch.no_grad():
        probabilities = model.predict(whole).double().softmax(2).flatten(0, 1).numpy()
    targets, labels = whole.targets.flatten().numpy(), range(task.output_size)
    nats = metrics.log_loss(targets, probabilities / probabilities.sum(1, keepdims=True), labels=labels)
    assert found.loss == pytest.approx(nats, rel=1e-5)
    assert found.step_measures["bits_per_character"] == pytest.approx(nats / math.log(2), rel=1e-5)
    accuracy = metrics.accuracy_score(targets, probabilities.argmax(1))
    assert found.step_measures["accuracy"] == pytest.approx(accuracy)
    assert found.columns("test").keys() == {"test_loss", "test_error_rate", "test_bits_per_character", "test_accuracy"}


@pytest.mark.parametrize(
    ("content", "settings", "problem"),
    [
        (None, {}, "there is no such file; name a text file in UTF-8, as task.path=FILE"),
        (b"", {}, "must hold at least 2 distinct"),
        (b"ab\xff", {}, "can't decode byte 0xff in position 2"),
        (b"ab" * 25, {"length": 10}, "validation part has 3 of the 50 characters"),
        (b"ab" * 25, {"validation": 0.6, "test": 0.4}, "above 0"),
        (b"ab" * 25, {"length": 0}, "at least 1"),
    ],
)
def test_refusals(tmp_path: Path, content: bytes | None, settings: dict[str, Any], problem: str) -> None:
    file = tmp_path / "other.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"^(path|length|validation)=") as caught:
        Characters(file, **settings)
    assert problem in str(caught.value)
