"""SIGKILL of the whole process group at random moments, and several launches of one sweep at once."""

import random
from pathlib import Path

import pytest

from tests.faults.sweeps import FOUR, Sweep, kill_at_random


def test_killed_sweep_comes_to_the_same_numbers(undisturbed: Sweep, sweep: Sweep) -> None:
    killed = kill_at_random(sweep, 4, random.Random(0), longest_s=3)
    assert sweep.run().process.exitcode == 0
    sweep.account(undisturbed).told(f"{killed} kills")


@pytest.mark.faults
@pytest.mark.parametrize("round_number", range(16))
def test_ten_kills(undisturbed: Sweep, sweep: Sweep, round_number: int) -> None:
    """In the serial launcher."""
    killed = kill_at_random(sweep, 10, random.Random(round_number), longest_s=4)
    launch = sweep.run()
    assert launch.process.exitcode == 0, launch.errors
    sweep.account(undisturbed).told(f"{killed} kills, serial")


@pytest.mark.faults
@pytest.mark.parametrize("round_number", range(8))
def test_five_kills_in_parallel(undisturbed: Sweep, tmp_path: Path, round_number: int) -> None:
    """In the parallel launcher, whose workers start from nothing and take longer."""
    sweep = Sweep(tmp_path / "sweep", (*FOUR, "hydra/launcher=parallel"))
    killed = kill_at_random(sweep, 5, random.Random(round_number), longest_s=20)
    launch = sweep.run()
    assert launch.process.exitcode == 0, launch.errors
    sweep.account(undisturbed).told(f"{killed} kills, parallel")


def test_two_launches_at_once(undisturbed: Sweep, sweep: Sweep) -> None:
    together(undisturbed, sweep, 2)


@pytest.mark.faults
def test_four_launches_at_once(undisturbed: Sweep, sweep: Sweep) -> None:
    together(undisturbed, sweep, 4)


def together(undisturbed: Sweep, sweep: Sweep, number: int) -> None:
    for launch in [sweep.start() for _ in range(number)]:
        launch.wait()
    last = sweep.run()
    assert last.process.exitcode == 0, last.errors
    assert last.output == "4 runs: 4 done before\n"
    sweep.account(undisturbed).told(f"{number} launches at once")
