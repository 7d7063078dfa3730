"""Which jobs of a launch have to be run: those whose run is not done, by the runs' folders."""

import os
import sys
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig

from rnnbench.cli.composer import Composer, import_from_config_directories
from rnnbench.errors import SettingError
from rnnbench.interruption import Interrupted
from rnnbench.runs.identity import Identities
from rnnbench.runs.settings import Settings
from rnnbench.schema import ExperimentFiles, JobStatus
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import PlannedJob, read_run


class Planner:
    """Plans the jobs of a sweep, whose own configuration is `master`."""

    def __init__(self, master: DictConfig, loader: ConfigLoader) -> None:
        import_from_config_directories(master.hydra)
        self._composer = Composer(master, loader)
        self._shared = {key: str(master[key]) for key in ("name", "results_dir")}
        self._identities = Identities()
        self._changed: list[str] = []
        """Runs that are done, by code that has changed since."""

    def plan(self, jobs: Sequence[Sequence[str]]) -> list[PlannedJob]:
        """What is known of each job: its run and whether that is done. Raises Hydra's errors.

        A job whose run cannot be named has something wrong with it, which it says itself when it runs. Raises
        SettingError where jobs would be stored in several places, and where one wrong setting is why no job can run.
        """
        changed_before, refused = len(self._changed), list[SettingError]()
        planned = [self._planned(tuple(job), refused) for job in jobs]
        if len(refused) == len(jobs) and len({str(error) for error in refused}) == 1:
            raise refused[0]
        if self._changed and not changed_before:
            some = f"{len(self._changed)} of the runs were done, such as {self._changed[0]}; rerun=true does them again"
            print(f"rnnbench: the code of the cell or task has changed since {some}", file=sys.stderr)
        return planned

    def _planned(self, job: tuple[str, ...], refused: list[SettingError]) -> PlannedJob:
        try:
            composed = self._composer.compose(job)  # Hydra's own errors end the launch
            settings = Settings.from_content(composed.content)
            identity = self._identities.of(settings, str(composed.choices["cell"]), str(composed.choices["task"]))
        except (HydraException, Interrupted):
            raise
        except SettingError as error:
            refused.append(error)
            return PlannedJob(job)
        except BaseException:  # whatever a component raises; the job reports it
            return PlannedJob(job)
        for key, shared in self._shared.items():
            if str(composed.content[key]) != shared:
                raise SettingError(f"{key}={composed.content[key]}: must be one value for all runs of a launch")
        known = PlannedJob(job, identity.name)
        files = ExperimentFiles(settings.results_dir / settings.name).run(identity.name)
        if settings.rerun or not os.path.exists(files.summary):
            return known
        try:
            stored = read_run(files).summary
        except DamagedFileError:  # the job says so and does the run again
            return known
        status = JobStatus.of_run_before(stored["status"])
        if status is not None and stored.get("component_source") != identity.component_source:
            self._changed.append(identity.name)
        return PlannedJob(job, identity.name, status)
