"""The results of several experiments as one, so that a table or figure can hold the runs of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import RUN, Results, sorted_runs
from rnnbench.analysis.variant import setting_columns, variants
from rnnbench.errors import SettingError
from rnnbench.schema import MEASURED, VARIANT
from rnnbench.store.archive import Source

EXPERIMENT = "experiment"
"""The column with the experiment that a run is taken from."""


@dataclass(frozen=True)
class CombinedSource:
    """Histories and arrays of runs, each from the experiment that holds it."""

    sources: dict[str, Source]
    """By run."""

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        tables = [source.histories([run for run in runs if self.sources[run] is source]) for source in self._distinct()]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["step", "run"])

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        return self.sources[run].probe(run, name)

    def probes(self) -> list[str]:
        return sorted({probe for source in self._distinct() for probe in source.probes()})

    def _distinct(self) -> list[Source]:
        return list({id(source): source for source in self.sources.values()}.values())


def together(several: Sequence[Results], folder: Path) -> Results:
    """The runs of all of them, with a column `experiment`; `folder` is where a report of all is written.

    A run that two hold, which may differ in the settings of measurements (`probes`), counts once: the first that came
    to a result.
    """
    names = [results.name for results in several]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise SettingError(f"name=[{','.join(names)}]: {doubled[0]} is there twice")
    tables = [results.runs.drop(columns=VARIANT).assign(experiment=results.name) for results in several]
    runs = pd.concat(tables, ignore_index=True)
    unmeasured = ~runs["status"].isin(MEASURED)
    probes = tuple(column for column in setting_columns(runs) if column.startswith("probes."))
    kept = runs.iloc[unmeasured.argsort(kind="stable")].drop_duplicates("run")
    variant = pd.Series(variants(kept, ignored=probes), kept.index, dtype=object)
    runs = kept.assign(variant=variant).drop_duplicates(RUN)
    source_of = {results.name: results.source for results in several}
    sources = {run: source_of[name] for run, name in zip(runs["run"], runs[EXPERIMENT], strict=True)}
    return Results(
        "+".join(names),
        folder,
        sorted_runs(runs, ignored=probes),
        CombinedSource(sources),
        missing=[f"{job} (of {results.name})" for results in several for job in results.missing],
        damaged={run: problem for results in several for run, problem in results.damaged.items() if run not in sources},
        ignored_settings=probes,
    )
