"""Which jobs of a launch have to be run: those whose run is not done, by the runs' folders."""

import os
import sys
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from rnnbench.cli.configuration import import_from_config_directories
from rnnbench.cli.planning.composer import Composed, Composer
from rnnbench.errors import MissingSettingError, SettingError
from rnnbench.interruption import Interrupted
from rnnbench.runs.identity import Identities
from rnnbench.runs.settings import Settings
from rnnbench.schema import MEASURED, ExperimentFiles, JobStatus, Status
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import PlannedJob, read_run


class Planner:
    """Plans the jobs of a sweep, whose own configuration is `master`."""

    def __init__(self, master: DictConfig, loader: ConfigLoader) -> None:
        import_from_config_directories(master.hydra)
        self._composer = Composer(master, loader)
        self._shared = {key: str(master[key]) for key in ("name", "results_dir")}
        self._identities = Identities()
        self._refused: list[SettingError] = []
        self._told = False

    def check(self, jobs: Sequence[Sequence[str]]) -> None:
        """Compose every job. Raises Hydra's error for the first that cannot be composed.

        Raises SettingError where jobs would be stored in several places, by a name that depends on what is swept.
        """
        for job in jobs:
            composed = self._composed(job)
            for key, shared in self._shared.items() if composed is not None else ():
                if composed is not None and str(composed.content[key]) != shared:
                    raise SettingError(f"{key}={composed.content[key]}: must be one value for all runs of a launch")

    def plan(self, jobs: Sequence[Sequence[str]]) -> list[PlannedJob]:
        """What is known of each job: its run and whether that is done. Raises Hydra's errors.

        A job whose run cannot be named has something wrong with it, which it says itself when it runs. Raises
        SettingError where a value is to be given, and where one wrong setting is why no job can run.
        """
        self._refused.clear()
        changed: list[str] = []
        planned = [self._planned(tuple(job), changed) for job in jobs]
        if len(self._refused) == len(jobs) > 1 and len({str(error) for error in self._refused}) == 1:
            raise self._refused[0]
        if changed and not self._told:
            runs = "1 run that is" if len(changed) == 1 else f"{len(changed)} runs that are"
            print(
                f"rnnbench: {changed[0]}: the code of its cell or task has changed since, as for {runs} done; "
                "rerun=true does them again",
                file=sys.stderr,
            )
            self._told = True
        return planned

    def _composed(self, job: Sequence[str]) -> Composed | None:
        try:
            return self._composer.compose(job)
        except SettingError:  # Hydra's own errors end the launch
            return None

    def _planned(self, job: tuple[str, ...], changed: list[str]) -> PlannedJob:
        composed = self._composed(job)
        if composed is None:
            return PlannedJob(job)
        try:
            settings = Settings.from_content(composed.content)
            cell, task = composed.choices["cell"], composed.choices["task"]
            identity = self._identities.of(settings, str(cell), str(task))
        except MissingSettingError:
            raise
        except SettingError as error:
            self._refused.append(error)
            return PlannedJob(job)
        except Interrupted:
            raise
        except BaseException:  # whatever a component raises; the job tells it
            return PlannedJob(job)
        known = PlannedJob(job, identity.name, work=identity.work)
        if settings.rerun:
            return known
        files = ExperimentFiles(settings.results_dir / settings.name).run(identity.name)
        if not os.path.exists(files.summary):
            return known
        try:
            stored = read_run(files)
        except DamagedFileError:  # the job says so and does the run again
            return known
        if stored.summary["status"] not in MEASURED:
            return known
        if stored.summary.get("component_source") != identity.component_source:
            changed.append(identity.name)
        done = stored.summary["status"] == Status.DONE
        return known._replace(status=JobStatus.DONE_BEFORE if done else JobStatus.DIVERGED)
