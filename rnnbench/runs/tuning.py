"""Tuning: its settings, and the stages of a sweep that tunes: grid at the tuning seeds, extensions, reported runs.

Jobs that differ in nothing but the tuned setting and the seed are a group, such as a cell at one length; each group has
a choice of its own. What is launched depends only on what came of the runs before, so the same sweep launched again
comes to the same choices.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt

from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, override_value

if TYPE_CHECKING:
    import pandas as pd

Job = tuple[str, ...]
"""The overrides of one job, or of a group those that its jobs share."""


def _objective(column: str) -> str:
    if not re.fullmatch(r"validation_loss|steps_to_\w+", column):
        raise ValueError("must be validation_loss or a column of steps, such as steps_to_solve")
    return column


class TuningSettings(BaseModel):
    """How a setting is tuned; conf/config.yaml explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: tuple[NonNegativeInt, ...]
    extend: NonNegativeInt
    by: Annotated[str, AfterValidator(_objective)]


class TuningStages:
    """The jobs of each stage, from the declared grid and the runs of the stages before."""

    def __init__(
        self, declared: Sequence[Sequence[str]], setting: str, seeds: Sequence[int], extend: int, by: str
    ) -> None:
        """`declared` are the jobs of the grid at the seeds to be reported, `seeds` those to tune on.

        At most `extend` values are added at an edge; `by` is the objective. Raises SettingError where the grid does not
        sweep the setting and the seed, and for a seed that is to tune and to be reported.
        """
        self.setting, self.seeds, self.extend, self.by = setting, list(seeds), extend, by
        self.grids: dict[Job, dict[Any, str]] = {}
        """The values to try of each group, with their text in overrides; extensions come last."""
        self.reported_seeds: dict[Job, dict[Any, str]] = {}
        for job in declared:
            swept = dict(override.partition("=")[::2] for override in job)
            if setting not in swept or "seed" not in swept:
                raise SettingError(f"tuning.seeds={self.seeds}: needs a sweep over {setting} and over seed")
            if override_value(swept["seed"]) in self.seeds:
                again = "report other seeds, or set tuning.seeds=[]"
                raise SettingError(f"seed={swept['seed']}: is one of tuning.seeds={self.seeds}; {again}")
            group = tuple(override for override in job if override.partition("=")[0] not in (setting, "seed"))
            for found, text in ((self.grids, swept[setting]), (self.reported_seeds, swept["seed"])):
                found.setdefault(group, {}).setdefault(override_value(text), text)

    @property
    def tunes(self) -> bool:
        """Whether some group has more than one value."""
        return any(len(grid) > 1 for grid in self.grids.values())

    def first(self) -> list[list[str]]:
        """The grid at the tuning seeds; where there is one value only, what is to be reported."""
        if not self.tunes:
            return self._reported({group: text for group, grid in self.grids.items() for text in grid.values()})
        return [job for group, grid in self.grids.items() if len(grid) > 1 for job in self._tuning_jobs(group, grid)]

    def extensions(self, runs: "pd.DataFrame") -> list[list[str]]:
        """The jobs at the next value of each group whose grid's edge was chosen; each call is one extension.

        `runs` holds the runs of this sweep, with the column `job`: their overrides.
        """
        from rnnbench.analysis.tuning import next_value

        jobs = []
        for group, grid in self.grids.items():
            rows = self._ranked(group, runs)
            value = next_value(rows) if rows else None
            if value is not None:
                grid[value] = str(value)
                jobs += self._tuning_jobs(group, {value: str(value)})
        return jobs

    def reported(self, runs: "pd.DataFrame") -> tuple[list[list[str]], list[str]]:
        """The jobs at the chosen values with the seeds to be reported, and a line for each group without a choice."""
        chosen, unknown = {}, []
        for group, grid in self.grids.items():
            if len(grid) == 1:
                (chosen[group],) = grid.values()
            elif rows := self._ranked(group, runs):
                (best,) = [row["value"] for row in rows if row["chosen"]]
                chosen[group] = grid[best]
            else:
                unknown.append(f"{' '.join(group)}: no choice of {self.setting} yet, since not all runs of it are done")
        return self._reported(chosen), unknown

    def _ranked(self, group: Job, runs: "pd.DataFrame") -> list[dict[str, Any]]:
        """The values of the group ranked; empty for a single one, and unless the runs of all tuning jobs have ended."""
        from rnnbench.analysis.tuning import ranked  # imports scipy, which most sweeps can do without

        jobs = {tuple(job) for job in self._tuning_jobs(group, self.grids[group])}
        ended = runs[runs["job"].isin(jobs) & runs["status"].isin(ENDED)]
        if len(self.grids[group]) < 2 or jobs - set(ended["job"]):
            return []
        return ranked(ended, self.setting, self.by)

    def _tuning_jobs(self, group: Job, grid: Mapping[Any, str]) -> list[list[str]]:
        return [[*group, f"{self.setting}={text}", f"seed={seed}"] for text in grid.values() for seed in self.seeds]

    def _reported(self, chosen: Mapping[Job, str]) -> list[list[str]]:
        return [
            [*group, f"{self.setting}={text}", f"seed={seed}"]
            for group, text in chosen.items()
            for seed in self.reported_seeds[group].values()
        ]
