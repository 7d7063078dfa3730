"""The marked sequences of 1997, the three tasks on them and adding, decoded step by step in plain Python."""

from collections.abc import Callable

import pytest
import torch

from rnnbench.tasks import Batch, Task
from rnnbench.tasks.adding import Adding
from rnnbench.tasks.hochreiter_adding import HochreiterAdding
from rnnbench.tasks.multiplication import Multiplication
from rnnbench.tasks.xor import Xor

LENGTH = 40
TASKS: dict[type[Task], tuple[Callable[[list[float]], float], tuple[float, float], float]] = {
    HochreiterAdding: (lambda marked: 0.5 + sum(marked) / 4, (-1, 1), 0),
    Multiplication: (lambda marked: marked[0] * marked[-1] if len(marked) == 2 else marked[0], (0, 1), 1),
    Xor: (lambda marked: sum(marked) % 2, (0, 1), 0),
}


def drawn(task: Task, size: int = 3000) -> Batch:
    return task.draw(size, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("make", TASKS)
def test_the_marked_values_alone_give_the_target(make: type[Task]) -> None:
    result, (low, high), neutral = TASKS[make]
    batch = drawn(make(LENGTH), 400)
    assert batch.inputs.shape == (44, 400, 2)
    assert batch.targets.shape == (5, 400, 1)
    assert batch.lengths is not None
    assert batch.scored is not None
    first_marked = 0
    for example in range(400):
        length = int(batch.lengths[example])
        values, markers = batch.inputs[:, example].T.tolist()
        marked = [step for step, marker in enumerate(markers) if marker == 1]
        assert LENGTH <= length <= 44
        assert markers[0] == markers[length - 1] == -1
        assert [step for step, marker in enumerate(markers) if marker == -1] == [0, length - 1]
        assert values[length:] == markers[length:] == [0] * (44 - length)
        assert all(low <= value <= high for value in values)
        assert all(1 <= step <= 19 for step in marked)
        assert any(step <= 9 for step in marked) or len(marked) == 1
        if len(marked) == 1:
            first_marked += 1
            assert values[0] == neutral
        else:
            assert len(marked) == 2
        at_end = length - LENGTH
        assert batch.scored[:, example].tolist() == [step == at_end for step in range(5)]
        target = float(batch.targets[at_end, example, 0])
        assert target == pytest.approx(result([values[step] for step in marked]), abs=1e-6)
    # Binomial with p = 0.1 + 0.9 / 19 = 0.147 of 400: 59 on average, deviation 7.1.
    assert 31 <= first_marked <= 87


def test_positions_cover_the_papers_windows() -> None:
    batch = drawn(HochreiterAdding(LENGTH), 20_000)
    marked = batch.inputs[:, :, 1] == 1
    assert marked.any(1).nonzero().flatten().tolist() == list(range(1, 20))
    # Step 19 = length/2 - 1 (the pair number length/2) is reached by the second mark only.
    assert batch.lengths is not None
    assert sorted(set(batch.lengths.tolist())) == [40, 41, 42, 43, 44]
    # The first window has the first mark with chance 1/10 per step and the second with (9/10) / 19 more.
    fraction = marked[1].double().mean().item()
    assert fraction == pytest.approx(0.1 + 0.9 / 19, abs=4 * (0.147 * 0.853 / 20_000) ** 0.5)
    later = marked[15].double().mean().item()
    assert later == pytest.approx(1 / 19, abs=4 * (0.053 * 0.947 / 20_000) ** 0.5)


def test_criterion_at_its_boundary() -> None:
    """Not above 0.04. Targets are set to 0, so that no error is rounded."""
    for task in (Multiplication(40), Adding(40)):
        batch = drawn(task, 3)
        zeros = torch.zeros_like(batch.targets, dtype=torch.float64)
        batch = Batch(batch.inputs, zeros, batch.scored, batch.lengths)
        for error, right in ((0.04, True), (-0.04, True), (0.0401, False), (-0.0401, False)):
            assert task.correct(zeros + error, batch).tolist() == [right] * 3


def test_hochreiter_adding_asks_its_logistic_output_for_the_sum() -> None:
    """Outputs whose logistic function misses the target by a known error: that error squared, and right below 0.04."""
    task = HochreiterAdding(40)
    batch = drawn(task, 3)
    targets = batch.targets.double() / 2 + 0.25
    batch = Batch(batch.inputs, targets, batch.scored, batch.lengths)
    for error in (0.0399, -0.0399, 0.0401, -0.0401):
        outputs = torch.log((targets + error) / (1 - targets - error))
        assert task.losses(outputs, batch).tolist() == pytest.approx([error**2] * 3)
        assert task.correct(outputs, batch).tolist() == [abs(error) < 0.04] * 3


def test_hochreiter_adding_is_solved_by_both_bounds() -> None:
    task = HochreiterAdding()
    assert task.solved(0.0099, 0.0)
    assert task.solved(0.0099, 1 / 2001)
    assert not task.solved(0.0099, 1 / 2000)
    assert not task.solved(0.01, 0.0)


@pytest.mark.parametrize("length", [2, 3, 50])
def test_adding_has_one_marker_per_half_and_their_sum(length: int) -> None:
    batch = Adding(length).draw(500, torch.Generator().manual_seed(0))
    reached = set()
    for example in range(500):
        values, markers = batch.inputs[:, example].T.tolist()
        marked = [step for step, marker in enumerate(markers) if marker == 1]
        assert set(markers) <= {0.0, 1.0}
        assert len(marked) == 2
        assert marked[0] < length // 2 <= marked[1]
        assert float(batch.targets[0, example, 0]) == pytest.approx(sum(values[step] for step in marked), abs=1e-6)
        reached |= set(marked)
    assert reached == set(range(length))
