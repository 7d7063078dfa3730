"""What a launch planned and what became of each of its jobs."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from rnnbench.cli.settings import Settings
from rnnbench.cli.sweep import sweep_of
from rnnbench.errors import SettingError

PLAN = "plan.json"


@dataclass(frozen=True)
class JobOutcome:
    """What became of one job: refused (a wrong setting), failed, diverged, done, done before or busy elsewhere."""

    overrides: list[str]
    status: str
    run: str | None = None
    message: str = ""


def write_outcome(launch: Path, number: int, outcome: JobOutcome) -> None:
    """Keep the outcome of a launch's job."""
    launch.mkdir(parents=True, exist_ok=True)
    (launch / f"job-{number}.json").write_text(json.dumps(asdict(outcome), indent=2) + "\n")


def read_outcomes(launch: Path) -> list[JobOutcome]:
    """The outcomes so far, in the order of the jobs' numbers."""
    paths = sorted(launch.glob("job-*.json"), key=lambda path: int(path.stem.partition("-")[2]))
    return [JobOutcome(**json.loads(path.read_text())) for path in paths]


def planned_jobs(launch: Path) -> list[list[str]]:
    """The overrides of each job that the launch set out to do."""
    return [list(overrides) for overrides in json.loads((launch / PLAN).read_text())]


class LaunchRecord(Callback):
    """Hydra's callback: checks the settings before anything starts, and writes the plan into the launch's folder."""

    directory: ClassVar[Path | None] = None
    """The launch of this process."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        self._begin(config, Path(config.hydra.run.dir), [list(config.hydra.overrides.task)])

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        jobs = sweep_of(config, GlobalHydra.instance().config_loader())
        self._begin(config, Path(config.hydra.sweep.dir), jobs)

    def _begin(self, config: DictConfig, directory: Path, jobs: list[list[str]]) -> None:
        """Hydra makes an Exception of a callback a warning and goes on, so a wrong setting leaves as SystemExit."""
        HydraConfig.instance().set_config(config)
        try:
            Settings.from_config(config)
            directory.mkdir(parents=True, exist_ok=True)
            (directory / PLAN).write_text(json.dumps(jobs, indent=2) + "\n")
        except SettingError as error:
            fail(str(error))
        except OSError as error:
            fail(f"results_dir={config.results_dir}: cannot be written ({error.strerror}); choose another folder")
        LaunchRecord.directory = directory


def fail(message: str) -> None:
    """End the program for a wrong setting: one line, exit code 2."""
    print(f"rnnbench: {message}", file=sys.stderr)
    raise SystemExit(2)
