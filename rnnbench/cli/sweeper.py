"""Hydra's sweeper for a grid that is not one product, and for one that is tuned in stages."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from rnnbench.cli.launches import read_outcome, write_plan
from rnnbench.cli.sweep import Swept, swept_jobs
from rnnbench.cli.tuning_stages import TuningStages, tuning_stages
from rnnbench.errors import SettingError
from rnnbench.schema import ExperimentFiles, JobStatus
from rnnbench.store.atomic import write_text
from rnnbench.store.reader import PlannedJob

if TYPE_CHECKING:
    import pandas as pd


class UnionOfProducts(Sweeper):
    """The sweeper of conf/hydra/sweeper/union.yaml, which explains how to write a union.

    It composes every job before it starts the first, and passes those whose run is not done to the launcher, all at
    once or at most `max_batch_size` at a time; where a setting is tuned on seeds of its own, one stage after the other
    (see `tuning_stages`).
    """

    def __init__(
        self, params: Swept | None, products: Mapping[str, Swept] | None, max_batch_size: int | None = None
    ) -> None:
        self.params = params or {}
        self.products = products or {}
        self.max_batch_size = max_batch_size

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.planned: list[PlannedJob] = []
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        from rnnbench.cli.planning.planner import Planner  # imports torch, which Hydra's search for sweepers must not

        assert self.config is not None
        assert self.hydra_context is not None
        if self.max_batch_size is not None and self.max_batch_size < 1:
            raise SettingError(f"hydra.sweeper.max_batch_size={self.max_batch_size}: must be at least 1, or null")
        loader = self.hydra_context.config_loader
        jobs = swept_jobs(self.params, self.products, arguments, loader)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._folder / "multirun.yaml", OmegaConf.to_yaml(self.config))
        self.planner = Planner(self.config, loader)
        self.planner.check(jobs)
        stages = tuning_stages(self.config, jobs)
        return self._launch(jobs) if stages is None else self._tune(stages)

    @property
    def _folder(self) -> Path:
        assert self.config is not None
        return Path(self.config.hydra.sweep.dir)

    def _launch(self, jobs: list[list[str]]) -> list[JobReturn]:
        """Launch those of the jobs that are not done, after all that were planned so far."""
        planned = self.planner.plan(jobs)
        done = [job for job in planned if job.status is not None]
        missing = [job for job in planned if job.status is None]
        first = len(self.planned) + len(done)
        self.planned += [*done, *missing]
        write_plan(self._folder, self.planned)
        if done:
            _tell(f"{len(done)} of {len(planned)} runs are done already, {len(missing)} to do")
        ended: list[JobReturn] = []
        size = self.max_batch_size or max(len(missing), 1)
        for start in range(0, len(missing), size):
            batch = [list(job.overrides) for job in missing[start : start + size]]
            ended += self.launcher.launch(batch, initial_job_idx=first + start)
        for job in ended:
            _ = job.return_value  # raises what ended the job
        return ended

    def _tune(self, stages: TuningStages) -> list[JobReturn]:
        """Launch one stage after the other, each given the results of the previous ones."""
        seeds = ", ".join(map(str, stages.seeds))
        first = stages.first()
        if not stages.tunes:
            return self._launch(first)
        _tell(f"tuning {stages.setting} on seeds {seeds}, {len(first)} runs; the runs to be reported come after")
        ended = self._launch(first)
        for _ in range(stages.extend):
            if not (jobs := stages.extensions(self._runs())):
                break
            _tell(f"the best {stages.setting} is the edge of the grid: {len(jobs)} runs beyond it")
            ended += self._launch(jobs)
        jobs, without = stages.reported(self._runs())
        for line in without:
            _tell(line)
        _tell(f"{stages.setting} is chosen on validation data: {len(jobs)} runs to be reported")
        return ended + (self._launch(jobs) if jobs else [])

    def _runs(self) -> "pd.DataFrame":
        """The runs of the jobs launched so far that have one of their own, with the job's overrides as `job`."""
        assert self.config is not None
        jobs = {}
        for number, job in enumerate(self.planned):
            if job.status is not None:
                jobs[job.run] = job.overrides
                continue
            outcome = read_outcome(self._folder, number)
            if outcome is not None and outcome.run is not None and outcome.status != JobStatus.BUSY:
                jobs[outcome.run] = job.overrides
        from rnnbench.analysis.results import sorted_runs
        from rnnbench.analysis.run_folders import read_run_folders

        runs, _ = read_run_folders(ExperimentFiles(Path(self.config.results_dir) / self.config.name))
        runs = sorted_runs(runs[runs["run"].isin(jobs)])
        return runs.assign(job=runs["run"].map(jobs))


def _tell(line: str) -> None:
    print(f"rnnbench: {line}", file=sys.stderr)
