"""Launchers and what they show: packing, the line of a sweep, what Slurm says."""

import io
import json
import logging
import math
import os
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from joblib.externals.loky import process_executor

from rnnbench.cli.launching import queue, status_line
from rnnbench.cli.launching.launcher import LostJobError
from rnnbench.cli.launching.packing import packs
from rnnbench.cli.launching.status_line import Counts, Following
from rnnbench.cli.launching.workers import LocalPool
from rnnbench.recorders import ProgressBar
from rnnbench.recorders.progress_file import ProgressFile, StepsDone
from rnnbench.schema import LaunchFiles
from tests.cli.conftest import SMALL, Command


def job(number: int) -> tuple[int, list[str]]:
    return number, [f"seed={number}"]


def test_packs_by_hand() -> None:
    jobs = [job(number) for number in range(5)]
    packed = packs(jobs, [1.0, 5.0, 1.0, 4.0, None], runs_per_job=2)  # the unknown one counts as their mean, 2.75
    assert [[number for number, _ in pack] for pack in packed] == [[1], [4, 0, 2], [3]]


def test_every_run_is_in_one_pack() -> None:
    jobs = [job(number) for number in range(23)]
    packed = packs(jobs, [None] * 23, runs_per_job=5)
    assert sorted(number for pack in packed for number, _ in pack) == list(range(23))
    assert sorted(map(len, packed)) == [4, 4, 5, 5, 5]


@pytest.fixture
def launch(tmp_path: Path) -> LaunchFiles:
    """A launch of four jobs, one of them done before, one done, one half-way and one waiting."""
    files = LaunchFiles(tmp_path)
    plan = [{"overrides": [f"seed={seed}"], "run": f"gru-{seed}", "status": None, "work": 2.0} for seed in range(4)]
    files.plan.write_text(json.dumps([plan[0] | {"status": "done before"}, *plan[1:]]))
    outcome = {"overrides": ["seed=1"], "status": "done", "run": "gru-1", "message": "(solved)"}
    files.outcome(1).write_text(json.dumps(outcome))
    files.printed(1).write_text("a warning\n")
    StepsDone(0, 50, 100).write(files.progress(2))
    return files


def test_counts_and_time_left_of_a_launch(launch: LaunchFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(launch)
    assert counts.look() == ["a warning", "[2/4] gru-1: done (solved)"]
    assert counts.look() == []
    monkeypatch.setattr(status_line.time, "monotonic", lambda: counts.started + 30)
    assert counts.seconds_left() == pytest.approx(30)  # work 2 and half of 2 in 30 s; as much is left
    assert counts.line() == "2 done, 1 running, 1 waiting; about 30 s left"


def test_time_left_of_a_run_that_was_started_again(launch: LaunchFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(launch)
    counts.look()
    launch.progress(2).unlink()
    counts.look()
    monkeypatch.setattr(status_line.time, "monotonic", lambda: counts.started + 30)
    assert counts.seconds_left() == pytest.approx(30)  # as while it ran
    StepsDone(50, 75, 100).write(launch.progress(2))
    counts.look()
    assert counts.seconds_left() == pytest.approx(30 * 2.5 / 3.5)


def test_the_time_left_is_counted_from_the_first_training_step(
    launch: LaunchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch.outcome(1).unlink()
    StepsDone(20, 20, 100).write(launch.progress(2))  # begun, resumed at step 20
    now = 0.0
    monkeypatch.setattr(status_line.time, "monotonic", lambda: now)
    counts = Counts(launch)
    assert counts.line() == "planning"
    counts.look()
    now = 1000.0  # imports, compilation
    counts.look()
    now = 1004.0
    StepsDone(20, 24, 100).write(launch.progress(2))
    counts.look()
    assert counts.seconds_left() is None
    now = 1008.0
    StepsDone(20, 28, 100).write(launch.progress(2))
    counts.look()
    assert counts.seconds_left() == pytest.approx(8 * (72 + 100 + 100) / 8)  # 8 hundredths of a run in 8 s


def test_lost_jobs_count_as_failed(launch: LaunchFiles) -> None:
    launch.outcome(2).write_text(json.dumps({"overrides": ["seed=2"], "status": "lost", "run": None, "message": ""}))
    counts = Counts(launch)
    counts.look()
    assert counts.line().startswith("2 done, 0 running, 1 failed, 1 waiting")


def test_without_a_terminal_outcomes_are_lines(launch: LaunchFiles) -> None:
    stream = io.StringIO()
    following = Following(launch, stream)
    following.start()
    following.stop()
    assert stream.getvalue() == "a warning\n[2/4] gru-1: done (solved)\n"


class Terminal(io.StringIO):
    """A terminal that remembers what was drawn."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [80, 120])
def test_a_run_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    bar = ProgressBar("gru_concat_no_bias-selective_copying-0-1a2b3c4d", 20000, 0, 0.1667)
    bar.bar.mininterval = 0
    for step in range(1, 20):
        bar.advance(step)
        bar.record({"step": step, "train_loss": 0.123456, "validation_loss": 0.0000123456})
    bar.bar.refresh()
    drawn = [text for text in terminal.getvalue().split("\r") if "validation 1.2e-05" in text]
    bar.finish({})
    assert drawn
    assert max(map(len, drawn)) <= columns
    assert ("baseline 0.17" in drawn[-1]) == (columns == 120)


def test_progress_is_written_now_and_then(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    recorder = ProgressFile(path, start=5, steps=10)
    assert StepsDone.read(path) == (5, 5, 10)
    recorder.written_at -= 60
    recorder.advance(7)
    recorder.advance(8)
    assert StepsDone.read(path) == (5, 7, 10)
    recorder.finish({})
    assert StepsDone.read(path) == (0, 0, 0)


def said(monkeypatch: pytest.MonkeyPatch, output: str, errors: str = "", code: int = 0) -> None:
    """Let Slurm's commands say this."""
    answer: Any = subprocess.CompletedProcess([], code, output, errors)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)


def test_states_of_slurm_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, "12_0|RUNNING|None\n12_1|PENDING|Resources\n7|CANCELLED|None\n")
    found = queue.states(["12_0", "12_1", "12_2", "7"])
    assert found is not None
    assert {name: str(state) for name, state in found.items()} == {
        "12_0": "RUNNING", "12_1": "PENDING (Resources)", "12_2": "GONE", "7": "CANCELLED",
    }  # fmt: skip
    assert {name for name, state in found.items() if state.ended} == {"12_2", "7"}


def test_a_slurm_that_does_not_answer_loses_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, "", "squeue: error: Unable to contact slurm controller", 1)
    assert queue.states(["12"]) is None
    said(monkeypatch, "", "slurm_load_jobs error: Invalid job id specified", 1)
    assert queue.states(["12"]) == {"12": queue.QueueState("GONE")}


def test_the_limit_of_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, "MailProg = /bin/mail\nMaxArraySize            = 4001\n")
    assert queue.largest_array() == 4001


def test_a_killed_process_is_an_error_of_its_call_alone() -> None:
    pool = LocalPool(2)
    try:
        lost: Future[Any] = pool.submit(os._exit, 3)
        kept: Future[Any] = pool.submit(math.sqrt, 16.0)
        assert kept.result(timeout=120) == 4.0
        assert type(lost.exception(timeout=120)).__name__ == "TerminatedWorkerError"
        assert pool.submit(math.sqrt, 9.0).result(timeout=120) == 3.0
    finally:
        pool.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_is_lost_whose_executor_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: Any) -> None:
        raise SystemExit  # ends the thread without a word

    pool = LocalPool(1)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(process_executor._ExecutorManagerThread, "process_result_item", end)
            lost: Future[Any] = pool.submit(math.sqrt, 16.0)
            while pool.size and not lost.done():
                time.sleep(0.05)
        assert isinstance(lost.exception(), LostJobError)
        assert pool.submit(math.sqrt, 9.0).result(timeout=120) == 3.0
    finally:
        pool.close()


def test_an_objective_is_searched_by_optuna(rnnbench: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1")
    short = (*SMALL, "task.length=5", "probe=[costs]", "optimizer.lr=choice(0.001,0.01)", "model.backend=eager")
    code, output, errors = rnnbench(*search, *short)
    assert (code, output) == (2, "")
    assert errors.startswith("rnnbench: objective=null: ")
    code, output, errors = rnnbench(*search, *short, "hydra.sweeper.sampler.seed=0", "objective=validation_loss")
    assert code == 0, errors
    (found,) = tmp_path.glob("results/default/launches/*/optimization_results.yaml")
    losses = [
        json.loads(path.read_text())["validation_loss"] for path in tmp_path.glob("results/default/runs/*/summary.json")
    ]
    assert f"best_value: {min(losses)}" in found.read_text()


def test_a_search_whose_runs_all_fail_ends_with_a_line_and_the_count(
    rnnbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.setattr(logging, "raiseExceptions", False)  # Optuna's handler keeps the first test's stream
    search = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "objective=validation_loss")
    code, output, errors = rnnbench(*search, *SMALL, "task.length=5", "optimizer.lr=interval(-2,-1)")
    assert (code, output) == (2, "3 runs: 3 refused\n"), errors
    assert "Traceback" not in errors
    assert "rnnbench: no run of the search has ended with an objective, so none is the best\n" in errors


def test_a_search_goes_on_after_a_run_that_failed(rnnbench: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "objective=validation_loss")
    short = (*SMALL, "task.length=5", "probe=[costs]", "model.backend=eager", "hydra.sweeper.sampler.seed=0")
    code, output, errors = rnnbench(*search, *short, "optimizer.lr=interval(-0.03,0.02)")
    assert code == 2, errors
    assert "refused" in output
    assert "done" in output
    (found,) = tmp_path.glob("results/default/launches/*/optimization_results.yaml")
    assert "best_value: " in found.read_text()
