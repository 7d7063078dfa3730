"""What a signal does to a process: it raises where nothing is lost, once, and waits where something is."""

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from rnnbench.interruption import Interrupted, deferred, listen_as_worker, listening, received

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGUSR1": 138, "SIGUSR2": 140}


def stopped(body: Callable[[], None]) -> int:
    """The exit code of a command with that body."""
    with pytest.raises(SystemExit) as ended, listening("command", "run it again"):
        body()
    assert received() is None
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", EXIT_CODES)
def test_a_signal_ends_a_command_with_a_line_and_its_code(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.Signals[name])
    assert stopped(lambda: signal.raise_signal(signal.Signals[name])) == EXIT_CODES[name]
    said = "Ctrl-C" if name == "SIGINT" else name
    assert capsys.readouterr().err == f"command: stopped by {said}; run it again\n"
    assert signal.getsignal(signal.Signals[name]) is before


def test_the_first_one_is_raised_at_the_end_of_what_is_deferred() -> None:
    seen = []

    def body() -> None:
        with deferred():
            with deferred():
                for name in ("SIGTERM", "SIGINT", "SIGTERM", "SIGHUP"):
                    signal.raise_signal(signal.Signals[name])
            seen.append(str(received()))
        seen.append("not reached")

    assert stopped(body) == EXIT_CODES["SIGTERM"]
    assert seen == ["SIGTERM"]


def test_it_ends_a_command_that_swallows_it() -> None:
    def body() -> None:
        with suppress(BaseException):
            signal.raise_signal(signal.SIGTERM)

    assert stopped(body) == EXIT_CODES["SIGTERM"]


def test_what_the_process_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with listening("command", "run it again"):
            signal.raise_signal(signal.SIGHUP)
            assert received() is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_does_not_take_the_handlers_of_a_command() -> None:
    with listening("command", "run it again"):
        before = signal.getsignal(signal.SIGTERM)
        listen_as_worker()
        assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_it_survives_a_journey_between_processes() -> None:
    assert pickle.loads(pickle.dumps(Interrupted(signal.SIGUSR1))).exit_code == EXIT_CODES["SIGUSR1"]


IN_A_LONG_STEP = """
from rnnbench.interruption import deferred, listening
with listening("command", "run it again"), deferred():
    print("ready", flush=True)
    while True:
        pass
"""


def test_the_second_ctrl_c_ends_what_the_first_waits_for() -> None:
    command = [sys.executable, "-c", IN_A_LONG_STEP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline() == "ready\n"
        started.send_signal(signal.SIGTERM)
        assert "stopping after this step; a second Ctrl-C ends at once" in started.stderr.readline()
        started.send_signal(signal.SIGINT)
        time.sleep(0.5)  # signals of one kind that come together are one
        assert started.poll() is None
        started.send_signal(signal.SIGINT)
    assert started.returncode == -signal.SIGINT  # a shell says 130


def test_a_signal_during_the_imports(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "rnnbench"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        while "numpy" not in started.stderr.readline():
            pass
        started.send_signal(signal.SIGHUP)
        *_, last = started.stderr.read().splitlines()
    assert started.returncode == 128 + signal.SIGHUP
    assert last == "rnnbench: stopped by SIGHUP; launched again, it resumes from its checkpoints"
    assert list(tmp_path.iterdir()) == []
