"""W&B in whatever state it is: no call raises or waits, one line is printed, nothing is left running."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnbench.mirror import process
from rnnbench.mirror.process import Mirror
from tests.mirror.conftest import PATIENCE_S, wait_for
from tests.mirror.logging_a_run import ROWS, begin, log_a_run, record
from tests.mirror.wandb_server import WandbServer


def group(mirror: Mirror) -> list[int]:
    """The processes that the mirror's process and its children are."""
    assert mirror.process is not None
    found = subprocess.run(["pgrep", "-g", str(mirror.process.pid)], capture_output=True, text=True).stdout
    return [int(each) for each in found.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def assert_ends(mirror: Mirror, capfd: pytest.CaptureFixture[str], lines: int = 1) -> str:
    """Close it: bounded, nothing left, and so many lines were printed in all. Returns them."""
    pids, started = (group(mirror) if mirror.process else []), time.monotonic()
    mirror.close()
    assert time.monotonic() - started < process.CLOSE_S + 2  # seconds for a loaded machine
    assert not [pid for pid in pids if is_running(pid)]
    assert not Path(mirror.temporary).exists()
    printed = capfd.readouterr().err
    assert len(printed.splitlines()) == lines
    return printed


@pytest.mark.parametrize(
    "behaviour", [401, *(pytest.param(each, marks=pytest.mark.faults) for each in ("refuse", "hang", 500, "rubbish"))]
)
def test_a_server_that_is_away_is_told_once_and_remembered(
    tmp_path: Path,
    server: WandbServer,
    new_mirror: Callable[[], Mirror],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    behaviour: str | int,
) -> None:
    if behaviour == "refuse":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    else:
        server.behaviour = behaviour
    mirror = new_mirror()
    log_a_run(mirror, tmp_path / "first", "online", timeout_s=2)
    wait_for(mirror, "kept", "lost")
    seen = len(server.operations)
    log_a_run(mirror, tmp_path / "second", "online", timeout_s=2)
    assert wait_for(mirror, "kept", "lost") == {"kept": "second"}
    assert len(server.operations) == seen
    for name in ("first", "second"):
        assert len(list((tmp_path / name / "wandb").glob("offline-run-*"))) == 1
    assert "W&B cannot be reached" in assert_ends(mirror, capfd)


@pytest.mark.faults
@pytest.mark.parametrize("behaviour", ["hang", 401, "rubbish"])
def test_a_server_that_is_lost_on_the_way(
    tmp_path: Path,
    server: WandbServer,
    new_mirror: Callable[[], Mirror],
    capfd: pytest.CaptureFixture[str],
    behaviour: str | int,
) -> None:
    mirror = new_mirror()
    recorder = begin(mirror, tmp_path / "run", "online", timeout_s=5)
    wait_for(mirror, "started")
    server.behaviour = behaviour
    for row in ROWS:
        record(recorder, row)
    recorder.finish({"status": "done"})
    assert wait_for(mirror, "kept", "lost")["lost"] == "run"
    assert "rnnbench-sync name=experiment" in assert_ends(mirror, capfd, lines=2)  # and the link


@pytest.mark.parametrize(
    ("whose", "number"),
    [
        ("theirs", signal.SIGKILL),
        *(
            pytest.param(*each, marks=pytest.mark.faults)
            for each in (("theirs", signal.SIGSTOP), ("ours", signal.SIGKILL), ("ours", signal.SIGSTOP))
        ),
    ],
)
def test_a_process_that_is_killed_or_stopped(
    tmp_path: Path,
    new_mirror: Callable[[], Mirror],
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    whose: str,
) -> None:
    mirror = new_mirror()
    recorder = begin(mirror, tmp_path / "run")
    record(recorder, ROWS[0])
    until = time.monotonic() + PATIENCE_S
    while not (found := list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))) and time.monotonic() < until:
        next(iter(mirror.reports(0.1)), None)
    assert found
    assert mirror.process is not None
    ours = mirror.process.pid
    for pid in [ours] if whose == "ours" else [pid for pid in group(mirror) if pid != ours]:
        os.kill(pid, number)
    started = time.monotonic()
    for _ in range(200):
        for row in ROWS[1:]:
            record(recorder, row)
    recorder.finish({"status": "done"})
    assert time.monotonic() - started < 2  # of 400 rows; none waits
    assert "W&B does not have all of run" in assert_ends(mirror, capfd)


@pytest.mark.faults
def test_what_is_not_taken_is_bounded(
    tmp_path: Path,
    new_mirror: Callable[[], Mirror],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(process, "MOST_UNSENT", 1 << 20)
    mirror = new_mirror()
    mirror.prepare()
    assert mirror.process is not None
    os.kill(mirror.process.pid, signal.SIGSTOP)
    recorder = begin(mirror, tmp_path / "run")
    while mirror.process is not None:
        for row in ROWS:
            record(recorder, row)
    assert "it takes nothing any more" in assert_ends(mirror, capfd)


VARIABLES = {
    "mode": ({"WANDB_MODE": "foo"}, ""),
    "service": ({"WANDB_SERVICE": "foo"}, ""),
    "no home": ({"HOME": "/proc/nowhere"}, ""),
    "a variable of another type": ({"WANDB_SILENT": "foo"}, "ValidationError"),
}


@pytest.mark.faults
@pytest.mark.parametrize(("variables", "said"), VARIABLES.values(), ids=VARIABLES)
def test_an_environment_that_wandb_refuses(
    tmp_path: Path,
    new_mirror: Callable[[], Mirror],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    variables: dict[str, str],
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    mirror = new_mirror()
    log_a_run(mirror, tmp_path / "run")
    report = wait_for(mirror, "kept", "lost")
    assert said in report.get("reason", "")
    assert ("kept" in report) == (not said)
    assert said in assert_ends(mirror, capfd, lines=1 if said else 0)


@pytest.mark.faults
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, new_mirror: Callable[[], Mirror], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    mirror = new_mirror()
    (folder / "wandb").write_text("a file where a folder belongs")
    log_a_run(mirror, folder)
    wait_for(mirror, "kept", "lost")
    mirror.close()
    assert len(capfd.readouterr().err.splitlines()) <= 1


def test_no_process_can_be_started(
    tmp_path: Path,
    new_mirror: Callable[[], Mirror],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    mirror = new_mirror()
    for number in range(5):
        log_a_run(mirror, tmp_path / f"run{number}")
    monkeypatch.undo()
    assert "Cannot allocate memory" in assert_ends(mirror, capfd)
