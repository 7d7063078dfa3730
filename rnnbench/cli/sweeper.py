"""Hydra's sweeper for a grid that is not one product, and for one that is tuned in stages."""

import itertools
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from rnnbench.cli.launches import read_outcomes, write_plan
from rnnbench.errors import SettingError
from rnnbench.runs.swept import shared_overrides, swept_label
from rnnbench.runs.tuning import TuningSettings, TuningStages
from rnnbench.schema import ExperimentFiles, JobStatus
from rnnbench.store.atomic import write_text
from rnnbench.store.reader import PlannedJob

if TYPE_CHECKING:
    import pandas as pd

Swept = Mapping[str, Any]
"""Values by setting, as in Hydra's `params`: `20,40,80` are three, as are `range(0,3)`."""


class UnionOfProducts(Sweeper):
    """The sweeper of conf/hydra/sweeper/union.yaml, which explains how to write a union.

    It composes every job before it starts the first, and passes those whose run is not done to the launcher; where a
    setting is tuned on seeds of its own, one stage after the other (see `rnnbench.runs.tuning`).
    """

    def __init__(self, params: Swept | None, products: Mapping[str, Swept] | None, dry_run: bool) -> None:
        self.params, self.products, self.dry_run = params or {}, products or {}, dry_run

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.folder = Path(config.hydra.sweep.dir)
        self.planned: list[PlannedJob] = []
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        from rnnbench.cli.planner import Planner  # imports torch, which Hydra's search for sweepers must not

        assert self.config is not None
        assert self.hydra_context is not None
        if not self.dry_run:
            write_text(self.folder / "multirun.yaml", OmegaConf.to_yaml(self.config))
        self.planner = Planner(self.config, self.hydra_context.config_loader)
        jobs = swept_jobs(self.params, self.products, arguments, self.hydra_context.config_loader)
        if self.config.tuned is None or not self.config.tuning.seeds:
            return self._launch(jobs)
        ended, tuning = list[JobReturn](), TuningSettings.model_validate(OmegaConf.to_container(self.config.tuning))
        for said, of_stage in TuningStages(jobs, self.config.tuned, tuning).stages(self._runs):
            for line in said:
                _report(line)
            ended += self._launch(of_stage)
        return ended

    def _launch(self, jobs: list[list[str]]) -> list[JobReturn]:
        """Launch those of the jobs that are not done, after all that were planned so far."""
        planned = self.planner.plan(jobs)
        if self.dry_run:
            _list(planned)
            raise SystemExit(0)
        done = [job for job in planned if job.status is not None]
        missing = [job for job in planned if job.status is None]
        first = len(self.planned) + len(done)
        self.planned += [*done, *missing]
        write_plan(self.folder, self.planned)
        if done:
            _report(f"{len(done)} of {len(planned)} runs are done already, {len(missing)} to do")
        ended = [*self.launcher.launch([job.overrides for job in missing], first)] if missing else []
        for job in ended:
            _ = job.return_value  # raises what ended the job
        return ended

    def _runs(self) -> "pd.DataFrame":
        """The runs of the jobs launched so far that have one, with the job's overrides as `job`."""
        from rnnbench.analysis.archive import read_run_folders
        from rnnbench.analysis.results import sorted_runs

        jobs, outcomes = {}, read_outcomes(self.folder)
        for number, job in enumerate(self.planned):
            known = job if job.status is not None else outcomes.get(number)
            if known is not None and known.status != JobStatus.BUSY:
                jobs[known.run] = job.overrides
        runs, _ = read_run_folders(ExperimentFiles(self.folder.parents[1]))
        runs = sorted_runs(runs[runs["run"].isin(jobs)])
        return runs.assign(job=runs["run"].map(jobs))


def swept_jobs(
    params: Swept, products: Mapping[str, Swept], arguments: Sequence[str], loader: ConfigLoader | None = None
) -> list[list[str]]:
    """The overrides of every job of the union: each product's own values with those of `params`, each job once.

    A setting among the arguments replaces its values in every product. Without products, the jobs are those of `params`
    and the arguments, as Hydra's basic sweeper has them. The loader finds what `glob(*)` stands for.
    """
    parser = OverridesParser.create(config_loader=loader)
    jobs: dict[tuple[str, ...], None] = {}
    for product in products.values() or [{}]:
        own = [f"{key}={'null' if value is None else value}" for key, value in {**params, **product}.items()]
        axes = {each.get_key_element(): _values(each) for each in parser.parse_overrides([*own, *arguments])}
        jobs |= dict.fromkeys(itertools.product(*axes.values()))
    return [list(job) for job in jobs]


def _values(override: Override) -> list[str]:
    key = override.get_key_element()
    if override.is_interval_sweep():
        raise SettingError(f"{override.input_line}: cannot be listed; hydra/sweeper=optuna samples it")
    if override.is_sweep_override():
        values = [f"{key}={value}" for value in override.sweep_string_iterator()]
        if not values:
            raise SettingError(f"{override.input_line}: has no values, so there are no runs")
        return values
    return [f"{key}={override.get_value_element_as_str()}"]


def _list(planned: Sequence[PlannedJob]) -> None:
    shared = shared_overrides(job.overrides for job in planned)
    for job in planned:
        name = f"{job.run} {swept_label(job.overrides, shared)}".rstrip() if job.run else " ".join(job.overrides)
        print(f"{name}: {job.status or 'to do'}")
    counts = Counter(job.status or "to do" for job in planned)
    print(f"{len(planned)} runs: {', '.join(f'{count} {status}' for status, count in counts.items())}")


def _report(line: str) -> None:
    tqdm.write(f"rnnbench: {line}", file=sys.stderr)  # above the line of the sweep
