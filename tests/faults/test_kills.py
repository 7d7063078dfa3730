"""SIGKILL and other signals at random moments, to a sweep, its workers and its launching process; launches at once."""

import json
import re
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from rnnbench.interruption import SIGNALS
from tests.faults.sweeps import FOUR, Launch, Sweep, stop_at_checkpoint, stop_at_random

PARALLEL = ("hydra/launcher=parallel", "hydra.launcher.n_jobs=2")


MANY = [(signal.SIGKILL, 70, ()), (signal.SIGKILL, 30, PARALLEL), *((number, 10, ()) for number in SIGNALS)]


@pytest.mark.parametrize(
    ("number", "times", "more"),
    [(signal.SIGKILL, 2, ()), *(pytest.param(*each, marks=pytest.mark.faults) for each in MANY)],
)
def test_a_sweep_stopped_at_random_moments_comes_to_the_same_numbers(
    undisturbed: Sweep, tmp_path: Path, number: signal.Signals, times: int, more: tuple[str, ...]
) -> None:
    """Moments of the time that it takes by a launcher on this machine; parallel workers start from nothing."""
    arguments, started = (*FOUR, *more), time.monotonic()
    assert Sweep(tmp_path / "whole", arguments).run().exit_code == 0
    lasts = time.monotonic() - started
    account, training = stop_at_random(undisturbed, tmp_path, arguments, number, times, lasts)
    name = f"{number.name}, {'parallel' if more else 'serial'} launcher"
    account.reported(name, times)
    print(f"{name}: {training} of {times} in the middle of a run")


def test_a_stopped_sweep_is_counted_and_resumes(undisturbed: Sweep, sweep: Sweep) -> None:
    launch = sweep.run(before=partial(stop_at_checkpoint, 5, "rnn-adding-1", signal.SIGTERM))
    assert (launch.exit_code, launch.output) == (143, "4 runs: 1 done, 1 stopped, 2 not run\n")
    assert re.search(r"^\[2/4\] rnn-adding-1-.*: stopped at step ", launch.errors, re.M)
    assert launch.errors.endswith("rnnbench: stopped by SIGTERM; launched again, it resumes from its checkpoints\n")
    (stopped,) = sweep.files.runs.glob("rnn-adding-1-*/summary.json")
    assert json.loads(stopped.read_text())["status"] == "running"
    assert sweep.run().output == "4 runs: 1 done before, 3 done\n"
    sweep.account(undisturbed).reported("SIGTERM in a run")


@pytest.mark.parametrize("number", [2, pytest.param(4, marks=pytest.mark.faults)])
def test_launches_at_once(undisturbed: Sweep, sweep: Sweep, number: int) -> None:
    for launch in [sweep.start() for _ in range(number)]:
        launch.wait()
    last = sweep.run()
    assert (last.exit_code, last.output) == (0, "4 runs: 4 done before\n")
    sweep.account(undisturbed).reported(f"{number} launches at once")


def workers(launch: Launch) -> list[psutil.Process]:
    """The worker processes of `hydra/launcher=parallel`."""
    children = psutil.Process(launch.process.pid).children(recursive=True)
    return [child for child in children if "popen_loky_posix" in " ".join(child.cmdline())]


@pytest.mark.faults
def test_a_killed_worker_is_one_lost_job(undisturbed_long: Sweep, long_sweep: Sweep) -> None:
    launch = long_sweep.spawn(*PARALLEL)
    long_sweep.wait_for_training(launch, 2)
    workers(launch)[0].kill()
    assert launch.wait() == 1
    assert sorted(launch.output.strip().removeprefix("4 runs: ").split(", ")) == ["1 lost", "3 done"]
    assert "SIGKILL" in launch.errors
    assert long_sweep.run().output == "4 runs: 3 done before, 1 done\n"
    long_sweep.account(undisturbed_long).reported("a parallel worker killed")


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_launching_process(
    undisturbed_long: Sweep, long_sweep: Sweep, number: signal.Signals
) -> None:
    launch = long_sweep.spawn(*PARALLEL)
    long_sweep.wait_for_training(launch, 2)
    children = workers(launch)
    launch.process.send_signal(number)
    assert launch.wait() == (-number if number == signal.SIGKILL else 128 + number)
    assert len(children) == 2
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert len(list(long_sweep.files.runs.glob("*/checkpoint.pt"))) == 2
    assert long_sweep.run().exit_code == 0
    long_sweep.account(undisturbed_long).reported(f"{number.name} to the launching process alone")
