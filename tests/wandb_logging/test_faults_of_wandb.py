"""W&B in whatever state it is: no call raises or waits, one line is printed, nothing is left running."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnbench.wandb_logging import process
from rnnbench.wandb_logging.content import RECORD, results
from rnnbench.wandb_logging.process import WandbProcess
from rnnbench.wandb_logging.worker import BLOCK, BLOCK_HEADER, _becomes_whole, _is_whole
from tests.wandb_logging.conftest import PATIENCE_S, wait_for
from tests.wandb_logging.logging_a_run import ROWS, SUMMARY, begin, log_a_run, record
from tests.wandb_logging.wandb_server import WandbServer


def group(wandb_process: WandbProcess) -> list[int]:
    """The processes that the process and its children are."""
    assert wandb_process.process is not None
    found = subprocess.run(["pgrep", "-g", str(wandb_process.process.pid)], capture_output=True, text=True).stdout
    return [int(each) for each in found.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def assert_ends(wandb_process: WandbProcess, capfd: pytest.CaptureFixture[str], lines: int = 1) -> str:
    """Close it: bounded, nothing left, and so many lines were printed in all. Returns them."""
    pids, started = (group(wandb_process) if wandb_process.process else []), time.monotonic()
    wandb_process.close()
    assert time.monotonic() - started < process.CLOSE_S + 2  # seconds for a loaded machine
    assert not [pid for pid in pids if is_running(pid)]
    assert not Path(wandb_process.temporary).exists()
    printed = capfd.readouterr().err
    assert len(printed.splitlines()) == lines
    return printed


@pytest.mark.parametrize(
    "behaviour", [401, *(pytest.param(each, marks=pytest.mark.faults) for each in ("refuse", "hang", 500, "rubbish"))]
)
def test_a_server_that_is_away_is_told_once_and_remembered(
    tmp_path: Path,
    server: WandbServer,
    new_process: Callable[[], WandbProcess],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    behaviour: str | int,
) -> None:
    if behaviour == "refuse":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    else:
        server.behaviour = behaviour
    wandb_process = new_process()
    log_a_run(wandb_process, tmp_path / "first", "online", timeout_s=2)
    wait_for(wandb_process, "kept", "lost")
    seen = len(server.operations)
    log_a_run(wandb_process, tmp_path / "second", "online", timeout_s=2)
    assert wait_for(wandb_process, "kept", "lost") == {"kept": "second"}
    assert len(server.operations) == seen
    for name in ("first", "second"):
        assert len(list((tmp_path / name / "wandb").glob("offline-run-*"))) == 1
    assert "W&B cannot be reached" in assert_ends(wandb_process, capfd)


@pytest.mark.faults
@pytest.mark.parametrize("behaviour", ["hang", 401, "rubbish"])
def test_a_server_that_is_lost_on_the_way(
    tmp_path: Path,
    server: WandbServer,
    new_process: Callable[[], WandbProcess],
    capfd: pytest.CaptureFixture[str],
    behaviour: str | int,
) -> None:
    wandb_process = new_process()
    recorder = begin(wandb_process, tmp_path / "run", "online", timeout_s=5)
    wait_for(wandb_process, "started")
    server.behaviour = behaviour
    for row in ROWS:
        record(recorder, row)
    recorder.finish({"status": "done"})
    assert wait_for(wandb_process, "kept", "lost")["lost"] == "run"
    assert "rnnbench-sync name=experiment" in assert_ends(wandb_process, capfd, lines=2)  # and the link


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
    new_process: Callable[[], WandbProcess],
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    whose: str,
) -> None:
    wandb_process = new_process()
    recorder = begin(wandb_process, tmp_path / "run")
    record(recorder, ROWS[0])
    until = time.monotonic() + PATIENCE_S
    while not (found := list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))) and time.monotonic() < until:
        next(iter(wandb_process.reports(0.1)), None)
    assert found
    assert wandb_process.process is not None
    ours = wandb_process.process.pid
    for pid in [ours] if whose == "ours" else [pid for pid in group(wandb_process) if pid != ours]:
        os.kill(pid, number)
    started = time.monotonic()
    for _ in range(200):
        for row in ROWS[1:]:
            record(recorder, row)
    recorder.finish({"status": "done"})
    assert time.monotonic() - started < 2  # of 400 rows; none waits
    assert "W&B does not have all of run" in assert_ends(wandb_process, capfd)


@pytest.mark.faults
def test_what_is_not_taken_is_bounded(
    tmp_path: Path,
    new_process: Callable[[], WandbProcess],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(process, "MOST_UNSENT", 1 << 20)
    wandb_process = new_process()
    wandb_process.prepare()
    assert wandb_process.process is not None
    os.kill(wandb_process.process.pid, signal.SIGSTOP)
    recorder = begin(wandb_process, tmp_path / "run")
    while wandb_process.process is not None:
        for row in ROWS:
            record(recorder, row)
    assert "it takes nothing any more" in assert_ends(wandb_process, capfd)


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
    new_process: Callable[[], WandbProcess],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    variables: dict[str, str],
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    wandb_process = new_process()
    log_a_run(wandb_process, tmp_path / "run")
    report = wait_for(wandb_process, "kept", "lost")
    assert said in report.get("reason", "")
    assert ("kept" in report) == (not said)
    assert said in assert_ends(wandb_process, capfd, lines=1 if said else 0)


@pytest.mark.faults
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, new_process: Callable[[], WandbProcess], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    wandb_process = new_process()
    (folder / "wandb").write_text("a file where a folder belongs")
    log_a_run(wandb_process, folder)
    wait_for(wandb_process, "kept", "lost")
    wandb_process.close()
    assert len(capfd.readouterr().err.splitlines()) <= 1


def test_no_process_can_be_started(
    tmp_path: Path,
    new_process: Callable[[], WandbProcess],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    wandb_process = new_process()
    for number in range(5):
        log_a_run(wandb_process, tmp_path / f"run{number}")
    monkeypatch.undo()
    assert "Cannot allocate memory" in assert_ends(wandb_process, capfd)


def test_a_file_of_wandb_that_is_cut_is_noticed(tmp_path: Path, new_process: Callable[[], WandbProcess]) -> None:
    wandb_process = new_process()
    log_a_run(wandb_process, tmp_path / "run")
    assert wait_for(wandb_process, "kept", "lost") == {"kept": "run"}
    (path,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    record = results(SUMMARY | {"run": "run"})[RECORD]
    whole = path.read_bytes()
    assert _is_whole(path, record)
    path.write_bytes(whole[: len(whole) // 2])
    assert not _is_whole(path, record)
    writing = threading.Timer(0.2, path.write_bytes, [whole])
    writing.start()
    assert _becomes_whole(path, record)
    writing.join()
    path.write_bytes(bytes(BLOCK - 4) + b"reco" + bytes(BLOCK_HEADER) + b"rd")
    assert _is_whole(path, "record")
