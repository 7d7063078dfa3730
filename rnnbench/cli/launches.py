"""The jobs that a launch planned, their outcomes, and the exit code that follows."""

import json
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.core.utils import JobStatus as HydraStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnbench.cli.settings import Settings
from rnnbench.cli.tuning_stages import first_jobs
from rnnbench.errors import SettingError
from rnnbench.schema import JobStatus, LaunchFiles


@dataclass(frozen=True)
class JobOutcome:
    """The outcome of one job."""

    overrides: list[str]
    status: JobStatus
    run: str | None = None
    message: str = ""


def write_outcome(launch: Path, number: int, outcome: JobOutcome) -> None:
    """Write the outcome of a launch's job to its folder."""
    launch.mkdir(parents=True, exist_ok=True)
    LaunchFiles(launch).outcome(number).write_text(json.dumps(asdict(outcome), indent=2) + "\n")


def read_outcomes(launch: Path) -> list[JobOutcome]:
    """The outcomes so far, in the order of the jobs' numbers."""
    return [_outcome(path) for path in LaunchFiles(launch).outcomes()]


def read_outcome(launch: Path, number: int) -> JobOutcome | None:
    """The outcome of the job with that number, None when it has none."""
    path = LaunchFiles(launch).outcome(number)
    return _outcome(path) if path.exists() else None


def _outcome(path: Path) -> JobOutcome:
    content = json.loads(path.read_text())
    return JobOutcome(**content | {"status": JobStatus(content["status"])})


def write_plan(launch: Path, jobs: Sequence[Sequence[str]]) -> None:
    """Keep the overrides of the jobs that the launch sets out to do, numbered in this order."""
    LaunchFiles(launch).plan.write_text(json.dumps(jobs, indent=2) + "\n")


def planned_jobs(launch: Path) -> list[list[str]]:
    """The overrides of each job that the launch planned."""
    return [list(overrides) for overrides in json.loads(LaunchFiles(launch).plan.read_text())]


class LaunchRecord(Callback):
    """Hydra's callback around a launch.

    At the start it checks the settings and writes the plan into the launch's folder; at the end it exits the program
    with a code. 0: every job is done; 1: one failed or was not run; 2: one was refused for a wrong setting. Hydra turns
    an Exception in a callback into a warning and continues, so everything here that must end the program raises
    SystemExit.
    """

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        _begin(config, Path(config.hydra.run.dir), lambda: [list(config.hydra.overrides.task)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        loader = GlobalHydra.instance().config_loader()
        _begin(config, Path(config.hydra.sweep.dir), lambda: first_jobs(config, loader))

    def on_run_end(self, config: DictConfig, **more: Any) -> None:
        job_return: JobReturn = more["job_return"]
        if job_return.status == HydraStatus.COMPLETED:  # otherwise Hydra raises what the job raised
            _end(Path(config.hydra.run.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        _end(Path(config.hydra.sweep.dir))


def _begin(config: DictConfig, launch: Path, plan: Callable[[], list[list[str]]]) -> None:
    HydraConfig.instance().set_config(config)
    try:
        Settings.from_config(config)
        jobs = plan()
        launch.mkdir(parents=True, exist_ok=True)
        write_plan(launch, jobs)
    except SettingError as error:
        fail(str(error))
    except OSError as error:
        fail(f"results_dir={config.results_dir}: cannot be written ({error.strerror}); choose another folder")


def _end(launch: Path) -> None:
    try:
        code = _exit_code(launch)
    except Exception:
        traceback.print_exc()
        code = 1
    raise SystemExit(code)


def _exit_code(launch: Path) -> int:
    """The exit code for the worst outcome of the launch's jobs; for a sweep, prints a line that counts them."""
    planned = len(planned_jobs(launch))
    counts = Counter(outcome.status for outcome in read_outcomes(launch))
    missing = planned - counts.total()
    if planned > 1:
        said = [f"{number} {status}" for status, number in counts.items()] + ([f"{missing} not run"] if missing else [])
        print(f"{planned} runs: {', '.join(said)}")
    if counts[JobStatus.REFUSED]:
        return 2
    return 1 if counts[JobStatus.FAILED] or missing else 0


def fail(message: str) -> None:
    """End the program for a wrong setting: one line, exit code 2."""
    print(f"rnnbench: {message}", file=sys.stderr)
    raise SystemExit(2)
