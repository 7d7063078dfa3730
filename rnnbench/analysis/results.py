"""The results of one experiment: its table of runs, histories and probes' arrays."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

GROUP = ["task", "task_setting", "cell", "setting"]
"""What distinguishes the runs that are repetitions of each other from others."""

IDENTITY = ["run", "status", *GROUP, "seed"]

FINISHED = ("done", "diverged", "failed")

SETTINGS_WITHOUT_A_DOT = ("device", "threads", "flush_denormals")


class Source(Protocol):
    """Where histories and arrays come from: run folders, or the files condensed from them."""

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        """The histories of the runs, one row per recorded step, with a column `run`."""

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A probe's arrays for one run; empty when it did not measure."""

    def probes(self) -> list[str]:
        """The probes that stored arrays."""


@dataclass(frozen=True)
class Results:
    """Everything that is known of an experiment.

    `runs` has one row per run, its columns described in results/README.md. `missing` holds, for each job that was
    launched and left no run, the words it was launched with. `candidates` holds the runs among which `runs` were
    chosen, where a setting was tuned (see `tuning`), and is None otherwise.
    """

    name: str
    root: Path
    runs: pd.DataFrame
    source: Source
    missing: list[str] = field(default_factory=list)
    candidates: pd.DataFrame | None = None
    tuned: str | None = None
    """The setting that was tuned."""

    def histories(self) -> pd.DataFrame:
        """All histories, one row per recorded step, with the run's identity."""
        histories = self.source.histories(self.runs["run"].tolist())
        return histories.merge(self.runs[IDENTITY], on="run", sort=False)

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A probe's arrays for one run, each with the probed steps first, and `step`; empty when it did not measure."""
        return self.source.probe(run, name)

    def incomplete(self) -> list[str]:
        """One line per thing that keeps the grid from being whole: missing, unfinished, failed and diverged runs."""
        lines = [f"missing: {words}" for words in self.missing]
        for row in self.runs[self.runs["status"] != "done"].to_dict("records"):
            at = f" at step {row['diverged_at_step']:.0f}" if row["status"] == "diverged" else ""
            lines.append(f"{row['status']}{at}: {row['run']}")
        return lines

    def limited(self, only: Mapping[str, Sequence[Any]]) -> "Results":
        """The results of the runs whose columns have one of the values named, such as {"model.recurrent_gain": [1]}.

        Raises ValueError on a column that no run has, and when no run is left.
        """
        runs = self.runs
        for column, values in only.items():
            if column not in runs:
                raise ValueError(f"only.{column}={list(values)}: no run has this column")
            runs = runs[runs[column].isin(values)]
            if runs.empty:
                raise ValueError(f"only.{column}={list(values)}: no run has one of these values")
        return self.of(runs) if only else self

    def of(self, runs: pd.DataFrame) -> "Results":
        """The results of these of the runs, their `setting` naming what differs among them."""
        return replace(self, runs=sorted_runs(runs, ignored=[self.tuned] if self.tuned else []))


def sorted_runs(runs: pd.DataFrame, ignored: Sequence[str] = ()) -> pd.DataFrame:
    """The runs with `setting` filled in, by task, its difficulty, cell, the settings that vary, and seed.

    Settings in `ignored` are left out of `setting`.
    """
    table = runs.assign(setting=varying_settings(runs, ignored))
    varying = [column for column in setting_columns(runs) if runs[column].nunique() > 1]
    order = ["task", *difficulty_columns(runs), "task_setting", "cell", *varying, "setting", "seed"]
    comparable = [column for column in dict.fromkeys(order) if table[column].dropna().map(type).nunique() == 1]
    return table.sort_values(comparable, ignore_index=True, kind="stable")


def setting_columns(runs: pd.DataFrame) -> list[str]:
    """The columns that are settings, but for the difficulty of the tasks."""
    apart = difficulty_columns(runs)
    return [name for name in map(str, runs) if ("." in name or name in SETTINGS_WITHOUT_A_DOT) and name not in apart]


def difficulty_columns(runs: pd.DataFrame) -> list[str]:
    """The settings that make the runs' tasks harder, such as task.length."""
    return [column for name in runs["difficulty"].unique() if (column := f"task.{name}") in runs]


def varying_settings(runs: pd.DataFrame, ignored: Sequence[str] = ()) -> list[str]:
    """For each run the settings that differ among the runs of its cell and task: `lr=0.01`; else empty."""
    settings = [column for column in setting_columns(runs) if column not in ignored]
    words: dict[Hashable, str] = {}
    for _, group in runs.groupby(["cell", "task"]):
        varying = [column for column in settings if group[column].nunique(dropna=False) > 1]
        words |= {index: _in_words(row) for index, row in group[varying].to_dict("index").items()}
    return [words[index] for index in runs.index]


def _in_words(settings: Mapping[Hashable, Any]) -> str:
    return ", ".join(f"{str(key).rpartition('.')[2]}={_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, float):
        return "none" if np.isnan(value) else f"{value:g}"
    return str(value)
