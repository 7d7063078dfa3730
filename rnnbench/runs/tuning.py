"""Tuning: its settings, and the stages of a sweep that tunes: grid at the tuning seeds, extensions, reported runs.

Jobs that differ in nothing but the tuned setting and the seed are a group, such as a cell at one length; each group has
a choice of its own. What is launched depends only on what came of the runs before, so the same sweep launched again
comes to the same choices.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, NonNegativeInt

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


class TuningSettings(BaseModel, extra="forbid", frozen=True):
    """How a setting is tuned; conf/config.yaml explains each."""

    seeds: tuple[NonNegativeInt, ...]
    extend: NonNegativeInt
    by: Annotated[str, AfterValidator(_objective)]


class TuningStages:
    """The stages of a sweep over a setting, from the declared grid and the runs of the stages before."""

    def __init__(self, declared: Sequence[Sequence[str]], setting: str, tuning: TuningSettings) -> None:
        """`declared` are the jobs of the grid at the seeds to be reported.

        Raises SettingError where it does not sweep the setting and the seed, and for a seed that is to tune as well.
        """
        self.setting, self.tuning, seeds = setting, tuning, list(tuning.seeds)
        self.grids: dict[Job, dict[Any, str]] = {}
        """The values to try of each group, with their text in overrides; extensions come last."""
        self.reported_seeds: dict[Job, dict[Any, str]] = {}
        for job in declared:
            swept = dict(override.partition("=")[::2] for override in job)
            if setting not in swept or "seed" not in swept:
                raise SettingError(f"tuning.seeds={seeds}: needs a sweep over {setting} and over seed")
            if override_value(swept["seed"]) in seeds:
                again = "report other seeds, or set tuning.seeds=[]"
                raise SettingError(f"seed={swept['seed']}: is one of tuning.seeds={seeds}; {again}")
            group = tuple(override for override in job if override.partition("=")[0] not in (setting, "seed"))
            for found, text in ((self.grids, swept[setting]), (self.reported_seeds, swept["seed"])):
                found.setdefault(group, {}).setdefault(override_value(text), text)

    def stages(self, runs: "Callable[[], pd.DataFrame]") -> Iterator[tuple[list[str], list[list[str]]]]:
        """What to say of each stage, and its jobs: the grid at the tuning seeds, extensions, what is to be reported.

        `runs` gives the runs of the stages so far, with the column `job`: their overrides. Where every group has one
        value, there is nothing to tune.
        """
        first = [job for group, grid in self.grids.items() if len(grid) > 1 for job in self._tuning_jobs(group, grid)]
        if first:
            on = f"on seeds {', '.join(map(str, self.tuning.seeds))}, {len(first)} runs"
            yield [f"tuning {self.setting} {on}; the runs to be reported come after"], first
        for _ in range(self.tuning.extend if first else 0):
            if not (jobs := self._extensions(runs())):
                break
            yield [f"the best {self.setting} is the edge of the grid: {len(jobs)} runs beyond it"], jobs
        known = runs() if first else None
        chosen = {group: self._chosen(group, known) for group in self.grids}
        texts = {group: [text] for group, text in chosen.items() if text is not None}
        jobs = [
            job for group, text in texts.items() for job in self._jobs(group, text, self.reported_seeds[group].values())
        ]
        unknown = f"no choice of {self.setting} yet, since not all runs of it are done"
        said = [f"{' '.join(group)}: {unknown}" for group, text in chosen.items() if text is None]
        said += [f"{self.setting} is chosen on validation data: {len(jobs)} runs to be reported"] if first else []
        yield said, jobs

    def _extensions(self, runs: "pd.DataFrame") -> list[list[str]]:
        """The jobs at the next value of each group whose grid's edge was chosen; each call is one extension."""
        from rnnbench.analysis.tuning import next_value

        jobs = []
        for group, grid in self.grids.items():
            rows = self._ranked(group, runs)
            value = next_value(rows) if rows else None
            if value is not None:
                grid[value] = str(value)
                jobs += self._tuning_jobs(group, {value: str(value)})
        return jobs

    def _chosen(self, group: Job, runs: "pd.DataFrame | None") -> str | None:
        """The text of the group's only or best value; None where not all of its runs have ended."""
        grid = self.grids[group]
        if len(grid) == 1 or runs is None:
            return next(iter(grid.values()))
        return next((grid[row["value"]] for row in self._ranked(group, runs) if row["chosen"]), None)

    def _ranked(self, group: Job, runs: "pd.DataFrame") -> list[dict[str, Any]]:
        """The values of the group ranked; empty for a single one, and unless the runs of all tuning jobs have ended."""
        from rnnbench.analysis.tuning import ranked  # imports scipy, which most sweeps can do without

        jobs = {tuple(job) for job in self._tuning_jobs(group, self.grids[group])}
        ended = runs[runs["job"].isin(jobs) & runs["status"].isin(ENDED)]
        if len(self.grids[group]) < 2 or jobs - set(ended["job"]):
            return []
        return ranked(ended, self.setting, self.tuning.by)

    def _tuning_jobs(self, group: Job, grid: Mapping[Any, str]) -> list[list[str]]:
        return self._jobs(group, grid.values(), self.tuning.seeds)

    def _jobs(self, group: Job, values: Iterable[str], seeds: Iterable[Any]) -> list[list[str]]:
        return [[*group, f"{self.setting}={text}", f"seed={seed}"] for text, seed in product(values, seeds)]
