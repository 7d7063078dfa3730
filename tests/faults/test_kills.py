"""SIGKILL of the whole process group at random moments, and several launches of one sweep at once."""

import random
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.faults.sweeps import FOUR, Sweep, kill_at_random

LAUNCHERS = {"serial": (), "parallel": ("hydra/launcher=parallel",)}


@pytest.fixture(scope="module")
def lasts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], float]:
    """The seconds that the undisturbed sweep takes by a launcher on this machine."""

    @cache
    def seconds(launcher: str) -> float:
        sweep, started = Sweep(tmp_path_factory.mktemp(launcher), (*FOUR, *LAUNCHERS[launcher])), time.monotonic()
        launch = sweep.run()
        assert launch.process.exitcode == 0, launch.errors
        return time.monotonic() - started

    return seconds


def kill(
    undisturbed: Sweep, folder: Path, kills: int, launcher: str, lasts: Callable[[str], float], seed: int = 0
) -> None:
    arguments = (*FOUR, *LAUNCHERS[launcher])
    account, middle = kill_at_random(undisturbed, folder, arguments, kills, random.Random(seed), lasts(launcher))
    account.told(f"SIGKILL, {launcher} launcher", kills)
    print(f"{middle} of {kills} in the middle of a run")


def test_killed_sweep_comes_to_the_same_numbers(
    undisturbed: Sweep, tmp_path: Path, lasts: Callable[[str], float]
) -> None:
    kill(undisturbed, tmp_path, 4, "serial", lasts)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(1, 17))
def test_ten_kills(undisturbed: Sweep, tmp_path: Path, lasts: Callable[[str], float], seed: int) -> None:
    kill(undisturbed, tmp_path, 10, "serial", lasts, seed)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(1, 5))
def test_ten_kills_in_parallel(undisturbed: Sweep, tmp_path: Path, lasts: Callable[[str], float], seed: int) -> None:
    """In the parallel launcher, whose workers start from nothing and take longer."""
    kill(undisturbed, tmp_path, 10, "parallel", lasts, seed)


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
