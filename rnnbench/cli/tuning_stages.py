"""The stages of a sweep that tunes a setting: the grid at the tuning seeds, its extensions, then the reported runs.

Jobs that differ in nothing but the tuned setting and the seed are a group, such as a cell at one length; each group has
a choice of its own. What is launched depends only on what came of the runs before, so the same sweep launched again
comes to the same choices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from rnnbench.cli.sweep import UNION, sweep_of
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED

if TYPE_CHECKING:
    import pandas as pd

Job = tuple[str, ...]
"""The overrides of one job."""
NEVER_APART = "; report other seeds, or set tuning.seeds=[]"


@dataclass
class Group:
    """The jobs that differ in the tuned setting and the seed alone."""

    grid: list[str]
    """The values to try, as written in overrides; extensions come last."""
    seeds: list[str]
    """The seeds to report."""


@dataclass
class TuningStages:
    """The jobs of each stage, from the declared grid and the runs of the stages before.

    Raises SettingError for a seed that is to tune and to be reported.
    """

    declared: Sequence[Sequence[str]]
    setting: str
    seeds: Sequence[int]
    extend: int
    by: str
    groups: dict[Job, Group] = field(init=False)

    def __post_init__(self) -> None:
        self.groups = {}
        for job in self.declared:
            swept = dict(override.split("=", 1) for override in job if override.partition("=")[0] in self._apart)
            if self.setting not in swept or "seed" not in swept:
                raise SettingError(f"tuning.seeds={list(self.seeds)}: needs a sweep over {self.setting} and over seed")
            if _value(swept["seed"]) in self.seeds:
                raise SettingError(f"seed={swept['seed']}: is one of tuning.seeds={list(self.seeds)}{NEVER_APART}")
            group = self.groups.setdefault(self._group(job), Group([], []))
            for known, value in ((group.grid, swept[self.setting]), (group.seeds, swept["seed"])):
                if _value(value) not in map(_value, known):
                    known.append(value)

    @property
    def _apart(self) -> tuple[str, str]:
        return self.setting, "seed"

    def _group(self, job: Sequence[str]) -> Job:
        return tuple(override for override in job if override.partition("=")[0] not in self._apart)

    @property
    def tunes(self) -> bool:
        """Whether some group has more than one value."""
        return any(len(group.grid) > 1 for group in self.groups.values())

    def first(self) -> list[list[str]]:
        """The grid at the tuning seeds; where there is one value only, what is to be reported."""
        if not self.tunes:
            return self._reported({key: group.grid[0] for key, group in self.groups.items()})
        return [job for key, group in self.groups.items() if len(group.grid) > 1
                for value in group.grid for job in self._tuning_jobs(key, value)]  # fmt: skip

    def extensions(self, runs: "pd.DataFrame") -> list[list[str]]:
        """The jobs at the next value of each group whose grid's edge was chosen; each call is one extension.

        `runs` holds the runs of this sweep, with the column `job`: their overrides.
        """
        from rnnbench.analysis.tuning import next_value

        jobs = []
        for key, group in self.groups.items():
            rows = self._ranked(key, runs)
            value = next_value(rows) if rows else None
            if value is not None:
                group.grid.append(str(value))
                jobs += self._tuning_jobs(key, str(value))
        return jobs

    def reported(self, runs: "pd.DataFrame") -> tuple[list[list[str]], list[str]]:
        """The jobs at the chosen values with the seeds to be reported, and a line for each group without a choice."""
        chosen, unknown = {}, []
        for key, group in self.groups.items():
            rows = self._ranked(key, runs)
            if len(group.grid) == 1:
                chosen[key] = group.grid[0]
            elif rows:
                (best,) = [row["value"] for row in rows if row["chosen"]]
                chosen[key] = next(text for text in group.grid if _value(text) == best)
            else:
                unknown.append(f"{' '.join(key)}: no choice of {self.setting} yet, since not all of its runs are done")
        return self._reported(chosen), unknown

    def _ranked(self, key: Job, runs: "pd.DataFrame") -> list[dict[str, Any]]:
        """The values of the group ranked; empty unless the runs of all its tuning jobs have ended."""
        values = self.groups[key].grid
        jobs = {tuple(job) for value in values for job in self._tuning_jobs(key, value)}
        if len(values) < 2:
            return []
        of_group = runs[runs["job"].isin(jobs) & runs["status"].isin(ENDED)]
        if len(jobs - set(of_group["job"])) > 0:
            return []
        from rnnbench.analysis.tuning import ranked  # imports scipy, which most sweeps can do without

        return ranked(of_group, self.setting, self.by)

    def _tuning_jobs(self, key: Job, value: str) -> list[list[str]]:
        return [[*key, f"{self.setting}={value}", f"seed={seed}"] for seed in self.seeds]

    def _reported(self, chosen: Mapping[Job, str]) -> list[list[str]]:
        return [[*key, f"{self.setting}={value}", f"seed={seed}"]
                for key, value in chosen.items() for seed in self.groups[key].seeds]  # fmt: skip


def tuning_stages(config: DictConfig, declared: Sequence[Sequence[str]]) -> TuningStages | None:
    """The stages of a composed sweep with these jobs, or None for one that tunes on no seeds of its own.

    Raises SettingError where the sweeper knows no stages.
    """
    if config.tuned is None or not config.tuning.seeds:
        return None
    if config.hydra.sweeper._target_ != UNION:
        raise SettingError(f"tuning.seeds={list(config.tuning.seeds)}: needs hydra/sweeper=union, which runs in stages")
    return TuningStages(declared, config.tuned, list(config.tuning.seeds), config.tuning.extend, config.tuning.by)


def first_jobs(config: DictConfig, loader: Any = None) -> list[list[str]]:
    """The jobs that a composed sweep can name before any of its runs is done: all, or those of its first stage."""
    declared = sweep_of(config, loader)
    stages = tuning_stages(config, declared)
    return declared if stages is None else stages.first()


def _value(text: str) -> Any:
    return OmegaConf.from_dotlist([f"value={text}"]).value
