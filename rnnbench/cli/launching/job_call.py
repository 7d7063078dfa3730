"""One job of a sweep as it is called in a worker process, which may be on another machine."""

import contextlib
import io
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnbench.errors import SettingError, one_line
from rnnbench.interruption import Interrupted
from rnnbench.schema import LaunchFiles


@dataclass(frozen=True)
class JobCall:
    """What all jobs of a sweep have in common; called with a job's number and overrides, it executes the job."""

    context: HydraContext
    config: DictConfig
    task_function: TaskFunction
    singletons: Mapping[Any, Any]
    working_directory: Path

    def __call__(self, number: int, overrides: Sequence[str]) -> Any:
        """Execute the job; returns what the task function returns, or a wrong setting or signal that ended the job.

        What the job prints goes to a file of the launch.
        """
        try:
            return self._execute(number, overrides)
        except (SettingError, Interrupted) as ended:
            return ended

    def _execute(self, number: int, overrides: Sequence[str]) -> Any:
        setup_globals()
        launch = Path(self.config.hydra.sweep.dir)
        try:
            os.chdir(self.working_directory)
            found = launch.is_dir()
        except OSError:
            found = False
        if not found:
            raise SettingError(
                f"{self.working_directory / launch}: is not there on {socket.gethostname()}; start the sweep in a "
                "folder, and set results_dir to one, that all machines share"
            )
        Singleton.set_state(dict(self.singletons))
        try:
            config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise SettingError(one_line(error)) from None
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
        HydraConfig.instance().set_config(config)
        with _printing_to(LaunchFiles(launch).printed(number)):
            return run_job(
                hydra_context=self.context,
                task_function=self.task_function,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            ).return_value


class OnFirstWrite(io.TextIOBase):
    """A text file that is made when something is written to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def write(self, text: str) -> int:
        if self._file is None:
            self._file = self._path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
        return self._file.write(text)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


@contextlib.contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    with OnFirstWrite(path) as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        yield
