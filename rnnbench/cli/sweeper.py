"""Hydra's sweeper for a grid that is not one product, and for one that is tuned in stages."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from rnnbench.analysis.results import sorted_runs
from rnnbench.analysis.run_folders import read_run_folders
from rnnbench.cli.launches import read_outcome, write_plan
from rnnbench.cli.sweep import Swept, swept_jobs
from rnnbench.cli.tuning_stages import TuningStages, tuning_stages
from rnnbench.schema import ExperimentFiles, JobStatus
from rnnbench.stored_run import PlannedJob


class UnionOfProducts(Sweeper):
    """The sweeper of conf/hydra/sweeper/union.yaml, which explains how to write a union.

    It composes every job before it starts the first, and passes them all to the launcher at once; where a setting is
    tuned on seeds of its own, one stage after the other (see `tuning_stages`).
    """

    def __init__(self, params: Swept, products: Mapping[str, Swept]) -> None:
        self.params = params
        self.products = products

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.planned: list[PlannedJob] = []
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        assert self.config is not None
        assert self.hydra_context is not None
        jobs = swept_jobs(self.params, self.products, arguments, self.hydra_context.config_loader)
        self._folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, self._folder / "multirun.yaml")
        self.validate_batch_is_legal(jobs)
        stages = tuning_stages(self.config, jobs)
        return self._launch(jobs) if stages is None else self._tune(stages)

    @property
    def _folder(self) -> Path:
        assert self.config is not None
        return Path(self.config.hydra.sweep.dir)

    def _launch(self, jobs: list[list[str]]) -> list[JobReturn]:
        """Launch jobs that follow those planned so far."""
        first = len(self.planned)
        self.planned += [PlannedJob(tuple(job)) for job in jobs]
        write_plan(self._folder, self.planned)
        ended = self.launcher.launch(jobs, initial_job_idx=first)
        for job in ended:
            _ = job.return_value  # raises what ended the job
        return list(ended)

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

    def _runs(self) -> pd.DataFrame:
        """The runs of the jobs launched so far that have one of their own, with the job's overrides as `job`."""
        assert self.config is not None
        jobs = {}
        for number, job in enumerate(self.planned):
            outcome = read_outcome(self._folder, number)
            if outcome is not None and outcome.run is not None and outcome.status != JobStatus.BUSY:
                jobs[outcome.run] = job.overrides
        runs, _ = read_run_folders(ExperimentFiles(Path(self.config.results_dir) / self.config.name))
        runs = sorted_runs(runs[runs["run"].isin(jobs)])
        return runs.assign(job=runs["run"].map(jobs))


def _tell(line: str) -> None:
    print(f"rnnbench: {line}", file=sys.stderr)
