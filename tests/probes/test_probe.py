"""When probes are due."""

import pytest

from rnnbench.probes.gradient_profile import GradientProfile


def due_steps(per_decade: int, steps: int) -> list[int]:
    probe = GradientProfile(per_decade=per_decade)
    return [step for step in range(steps + 1) if probe.due(step, last=step == steps)]


def test_due_by_hand() -> None:
    # 10^(1/3) = 2.15, 10^(2/3) = 4.64, and so on for each decade; 150 is the last step.
    assert due_steps(3, 150) == [0, 1, 2, 5, 10, 22, 46, 100, 150]
    assert due_steps(1, 999) == [0, 1, 10, 100, 999]


def test_due_at_the_first_and_the_last_step_of_any_run() -> None:
    assert due_steps(3, 0) == [0]
    assert due_steps(3, 1) == [0, 1]
    assert due_steps(3, 3) == [0, 1, 2, 3]
    assert GradientProfile().due(7, last=True)  # as when a run is solved early
    assert not GradientProfile().due(7, last=False)


@pytest.mark.parametrize("per_decade", range(1, 31))
def test_due_steps_are_the_rounded_powers(per_decade: int) -> None:
    expected = {round(10 ** (power / per_decade)) for power in range(3 * per_decade + 1)}
    assert due_steps(per_decade, 1000) == sorted(expected | {0})
