"""The loop over an executor, what the launching process shows of a sweep, and searches by Optuna."""

import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnbench.cli.launching import launcher, slurm
from rnnbench.cli.launching.launcher import ExecutorLauncher
from rnnbench.cli.launching.slurm import SlurmLauncher
from rnnbench.cli.launching.status_line import Following
from rnnbench.recorders import ProgressBar
from rnnbench.recorders.progress_file import ProgressFile, StepsDone
from rnnbench.schema import LaunchFiles
from tests.cli.conftest import SMALL, Command


def done(launch: LaunchFiles, number: int) -> None:
    """Write the outcome of a job that is done."""
    outcome = {"overrides": [f"seed={number}"], "status": "done", "run": f"gru-{number}", "message": "(solved)"}
    launch.outcome(number).write_text(json.dumps(outcome))


def statuses(launch: LaunchFiles) -> list[str]:
    """The outcomes of all jobs."""
    return [json.loads(path.read_text())["status"] for path in launch.outcomes()]


class Acted(ExecutorLauncher):
    """A launcher whose workers are threads, and whose calls are a function of the jobs' numbers."""

    def __init__(self, folder: Path, acts: Callable[[list[int]], None]) -> None:
        self.acts, self.at_a_time = acts, 0
        self.call: Any = SimpleNamespace(files=LaunchFiles(folder))

    @contextmanager
    def executor(self, calls: int) -> Iterator[Executor]:
        with ThreadPoolExecutor(2) as threads:
            yield threads

    def submit(self, executor: Executor, calls: Any) -> "list[Future[None]]":
        self.at_a_time = max(self.at_a_time, len(calls))
        return [executor.submit(self.acts, [number for number, _ in jobs]) for jobs in calls]


def test_a_lost_call_is_lost_alone(tmp_path: Path) -> None:
    def act(numbers: list[int]) -> None:
        for number in numbers:
            if number % 3 == 2:
                raise RuntimeError("its\nworker died")
            done(LaunchFiles(tmp_path), number)

    acted = Acted(tmp_path, act)
    acted.launch([[f"seed={number}"] for number in range(7)], 0)
    assert statuses(LaunchFiles(tmp_path)) == ["done", "done", "lost", "done", "done", "lost", "done"]
    assert json.loads((tmp_path / "job-2.json").read_text())["message"] == "(its worker died)"


def test_calls_of_several_runs_are_in_turns_and_lose_only_what_has_no_outcome(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    def act(numbers: list[int]) -> None:
        seen.append(numbers)
        done(LaunchFiles(tmp_path), numbers[0])
        if 4 in numbers:
            raise RuntimeError("killed")
        for number in numbers[1:]:
            done(LaunchFiles(tmp_path), number)

    acted = Acted(tmp_path, act)
    acted.runs_per_job = 2
    acted.launch([[f"seed={number}"] for number in range(5)], 0)
    assert sorted(seen) == [[0, 3], [1, 4], [2]]
    assert statuses(LaunchFiles(tmp_path)) == ["done", "done", "done", "done", "lost"]


def test_a_wrong_setting_is_refused_and_a_gone_engine_submits_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(numbers: list[int]) -> None:
        raise launcher.SettingError("optimizer.lr=-1: must be above 0")

    acted = Acted(tmp_path, act)
    monkeypatch.setattr(launcher, "SUBMITTED_AT_ONCE", 2)
    acted.launch([["optimizer.lr=-1"]] * 5, 0)
    assert (acted.at_a_time, statuses(LaunchFiles(tmp_path))) == (2, ["refused"] * 5)

    def refuse(*_: Any) -> Any:
        raise RuntimeError("cannot schedule new futures")

    monkeypatch.setattr(acted, "submit", refuse)
    acted.launch([["seed=0"]] * 3, 10)
    assert "cannot schedule new futures; not submitted: 3" in capsys.readouterr().err
    assert len(statuses(LaunchFiles(tmp_path))) == 5


def test_slurm_jobs_end_that_two_looks_have_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    acted = SlurmLauncher(1, 0, 60, 2)
    jobs = [
        SimpleNamespace(job_id=f"12_{task}", stderr=lambda: "started\nkilled for want of memory\n") for task in range(3)
    ]
    acted.jobs = {Future[None](): job for job in jobs}
    futures = list(acted.jobs)
    monkeypatch.setattr(slurm, "POLL_S", 0.0)
    answers: list[set[str] | None] = [{"12_0", "12_1"}, None, {"12_0", "12_2"}, {"12_2"}, {"12_2"}]
    ended: list[list[int]] = []
    for answer in answers:
        monkeypatch.setattr(slurm, "_in_queue", lambda answer=answer: answer)
        acted.tend(None)
        ended.append([number for number, future in enumerate(futures) if future.done()])
    assert ended == [[], [], [], [1], [0, 1]]
    assert str(futures[0].exception()) == "Slurm job 12_0 has ended; killed for want of memory"


@pytest.fixture
def launch(tmp_path: Path) -> LaunchFiles:
    """A launch of four jobs, one of them done before, one done, one half-way and one waiting."""
    files = LaunchFiles(tmp_path)
    plan = [{"overrides": [f"seed={seed}"], "run": f"gru-{seed}", "status": None, "work": 2.0} for seed in range(4)]
    files.plan.write_text(json.dumps([plan[0] | {"status": "done before"}, *plan[1:]]))
    done(files, 1)
    files.printed(1).write_text("a warning\n")
    StepsDone(0, 50, 100).write(files.progress(2))
    return files


def remaining(following: Following) -> float:
    """The work that is left, by that which is done."""
    return (following.bar.total - following.bar.n) / following.bar.n


def test_outcomes_counts_and_time_left_of_a_launch(launch: LaunchFiles) -> None:
    stream = io.StringIO()
    following = Following(launch, stream)
    following.show()
    assert stream.getvalue() == "a warning\n[2/4] gru-1: done (solved)\n"
    assert remaining(following) == pytest.approx(1)  # work 2 and half of 2 are done; as much is left
    following.bar.start_t = time.time() - 30
    assert str(following.bar) == "2 done, 1 running, 1 waiting; 00:30 left"
    StepsDone(50, 75, 100).write(launch.progress(2))  # started again
    launch.outcome(3).write_text(json.dumps({"overrides": ["seed=3"], "status": "lost", "run": None, "message": ""}))
    following.show()
    assert stream.getvalue().endswith("[3/4] gru-3: lost\n")
    assert str(following.bar).startswith("2 done, 1 running, 1 failed, 0 waiting")
    assert remaining(following) == pytest.approx(0.5 / 4.5)
    following.start()
    following.stop()


def test_the_time_left_is_counted_from_the_first_training_step(launch: LaunchFiles) -> None:
    launch.outcome(1).unlink()
    StepsDone(20, 20, 100).write(launch.progress(2))  # begun, resumed at step 20
    following = Following(launch, io.StringIO())
    following.bar.start_t -= 1000.0  # imports, compilation
    following.show()
    assert time.time() - following.bar.start_t < 500
    StepsDone(20, 28, 100).write(launch.progress(2))
    following.show()
    assert remaining(following) == pytest.approx((72 + 100 + 100) / 8)


def test_a_damaged_outcome_hides_no_other(launch: LaunchFiles) -> None:
    launch.outcome(0).unlink(missing_ok=True)
    launch.plan.unlink()
    launch.outcome(0).write_text("damaged")
    stream = io.StringIO()
    following = Following(launch, stream)
    following.show()
    following.show()
    assert "gru-1: done (solved)\n" in stream.getvalue()


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


def test_a_search_requeued_after_a_run_that_failed(rnnbench: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    search = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "objective=validation_loss")
    short = (*SMALL, "task.length=5", "probe=[costs]", "model.backend=eager", "hydra.sweeper.sampler.seed=0")
    code, output, errors = rnnbench(*search, *short, "optimizer.lr=interval(-0.03,0.02)")
    assert code == 2, errors
    assert "refused" in output
    assert "done" in output
    (found,) = tmp_path.glob("results/default/launches/*/optimization_results.yaml")
    assert "best_value: " in found.read_text()
