"""The loop over an executor, what the launching process shows of a sweep, and searches by Optuna."""

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnbench.cli.launching import engines
from rnnbench.cli.launching.engines import SlurmLauncher
from rnnbench.cli.launching.launcher import ExecutorLauncher
from rnnbench.cli.launching.status_line import Following
from rnnbench.errors import SettingError
from rnnbench.schema import LaunchFiles
from tests.cli.conftest import SMALL, Command


def done(launch: LaunchFiles, number: int) -> None:
    """Write the outcome of a job that is done."""
    outcome = {
        "overrides": ["optimizer.lr=0.1", f"seed={number}"],
        "status": "done",
        "run": f"gru-{number}",
        "message": "(solved at step 9)",
    }
    launch.outcome(number).write_text(json.dumps(outcome))


class Acted(ExecutorLauncher):
    """A launcher whose workers are threads, and whose calls are a function of the jobs' numbers."""

    def __init__(self, folder: Path, acts: Callable[[list[int]], None], runs_per_job: int = 1) -> None:
        self.call: Any = SimpleNamespace(files=LaunchFiles(folder))
        self.acts, self.runs_per_job = acts, runs_per_job

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        with ThreadPoolExecutor(2) as threads:
            yield threads

    def submit(self, executor: Executor, calls: Any) -> "list[Future[None]]":
        return [executor.submit(self.acts, [number for number, _ in jobs]) for jobs in calls]

    def statuses(self, runs: int) -> list[str]:
        """What becomes of a sweep of this many runs."""
        self.launch([[f"seed={number}"] for number in range(runs)], 0)
        return [json.loads(path.read_text())["status"] for path in self.call.files.outcomes().values()]


def test_a_lost_call_is_lost_alone_and_a_wrong_setting_is_refused(tmp_path: Path) -> None:
    def act(numbers: list[int]) -> None:
        for number in numbers:
            if number % 3 == 1:
                raise SettingError("optimizer.lr=-1: must be above 0")
            if number % 3 == 2:
                raise RuntimeError("its\nworker died")
            done(LaunchFiles(tmp_path), number)

    expected = ["done", "refused", "lost", "done", "refused", "lost", "done"]
    assert Acted(tmp_path, act).statuses(7) == expected
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

    assert Acted(tmp_path, act, runs_per_job=2).statuses(5) == ["done", "done", "done", "done", "lost"]
    assert sorted(seen) == [[0, 3], [1, 4], [2]]


def test_slurm_jobs_end_that_two_looks_have_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    acted = SlurmLauncher(1, 0, 60, 2)
    jobs = [
        SimpleNamespace(job_id=f"12_{task}", stderr=lambda: "started\nkilled for want of memory\n") for task in range(3)
    ]
    acted.jobs = {Future[None](): job for job in jobs}
    futures = list(acted.jobs)
    answers: list[set[str] | None] = [{"12_0", "12_1"}, None, {"12_0", "12_2"}, {"12_2"}, {"12_2"}]
    ended: list[list[int]] = []
    for answer in answers:
        monkeypatch.setattr(engines, "_in_queue", lambda answer=answer: answer)
        acted.tend(None)
        ended.append([number for number, future in enumerate(futures) if future.done()])
    assert ended == [[], [], [], [1], [0, 1]]
    assert str(futures[0].exception()) == "Slurm job 12_0 has ended; killed for want of memory"


@pytest.fixture
def launch(tmp_path: Path) -> LaunchFiles:
    """A launch of four jobs, one of them done before, one done, one running and one waiting."""
    files = LaunchFiles(tmp_path)
    plan = [
        {"overrides": [f"optimizer.lr={seed / 10}", f"seed={seed}"], "run": f"gru-{seed}", "status": None}
        for seed in range(4)
    ]
    files.plan.write_text(json.dumps([plan[0] | {"status": "done before"}, *plan[1:]]))
    done(files, 1)
    files.printed(1).write_text("a warning\n")
    files.running(2).touch()
    return files


def test_outcomes_counts_and_time_left_of_a_launch(launch: LaunchFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()  # a terminal that remembers what was drawn
    monkeypatch.setattr(stream, "isatty", lambda: True)
    following = Following(launch, stream)
    following.show()
    written = [line.rpartition("\r")[2] for line in stream.getvalue().split("\n")]
    assert written[:2] == ["a warning", "[2/4] gru-1 lr=0.1: done (solved at step 9)"]
    following.bar.start_t = time.time() - 30
    assert str(following.bar) == "2 done, 1 running, 1 waiting; 00:30 left"  # 1.5 of three runs are done
    launch.outcome(3).write_text(json.dumps({"overrides": ["seed=3"], "status": "lost", "run": None, "message": ""}))
    launch.outcome(0).write_text("damaged")  # it hides no other
    following.show()
    assert "[3/4] gru-3: lost\n" in stream.getvalue()
    assert str(following.bar).startswith("2 done, 1 running, 1 lost, 0 waiting")
    (empty := launch.outcome(0).parent / "empty").mkdir()
    for each in (following, Following(LaunchFiles(empty), stream)):
        each.start()
        each.stopped.set()
        each.join()
        assert stream.getvalue().endswith("\r")  # the line is cleared


SEARCH = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_jobs=1", "hydra.sweeper.sampler.seed=0", *SMALL,
          "task.length=5", "probe=[costs]", "model.backend=eager")  # fmt: skip


def test_an_objective_is_searched_by_optuna_past_a_run_that_is_refused(rnnbench: Command, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    code, output, errors = rnnbench(*SEARCH, "optimizer.lr=choice(0.001,0.01)")
    assert (code, output) == (2, "")
    assert errors.startswith("rnnbench: objective=null: ")
    trials = ("hydra.sweeper.n_trials=4", "objective=validation_loss")
    code, output, errors = rnnbench(*SEARCH, *trials, "optimizer.lr=interval(-0.03,0.02)")
    assert (code, "refused" in output, "done" in output) == (2, True, True), errors
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
    trials = ("hydra.sweeper.n_trials=3", "objective=validation_loss")
    code, output, errors = rnnbench(*SEARCH, *trials, "optimizer.lr=interval(-2,-1)")
    assert (code, output) == (2, "3 runs: 3 refused\n"), errors
    assert "Traceback" not in errors
    assert "rnnbench: no run of the search has ended with an objective, so none is the best\n" in errors
