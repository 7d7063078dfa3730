"""The results of one experiment: its table of runs, histories and probes' arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.variant import typed_value, value_order, variants
from rnnbench.errors import SettingError, did_you_mean
from rnnbench.schema import GROUP, Status, from_stored_text, override_text, override_value
from rnnbench.store.archive import Source

RUN = [*GROUP, "seed"]
"""What a run is in statistics: of one cell, task, difficulty, variant and seed there is one run."""


@dataclass(frozen=True, eq=False)  # what is computed of the same results is kept by their identity
class Results:
    """Everything that is known of an experiment.

    `runs` has one row per run, its columns described in results/README.md. `missing` holds the overrides of each job
    that was launched and left no run, `candidates` the runs among which `runs` were chosen, where a setting was tuned.
    """

    name: str
    root: Path
    runs: pd.DataFrame
    source: Source
    missing: list[str] = field(default_factory=list)
    candidates: pd.DataFrame | None = None
    tuned: str | None = None
    """The setting that was tuned."""
    tuned_by: str = "steps_to_solve"
    """The objective: the column of steps to be reached soonest, or validation_loss."""
    tuning_seeds: tuple[int, ...] = ()
    """The seeds that chose and are not reported; empty where the reported runs chose themselves."""
    damaged: dict[str, str] = field(default_factory=dict)
    """What is wrong with each run folder and launch that could not be read, by its name."""
    ignored_settings: tuple[str, ...] = ()
    """Settings that make no variant, such as those of measurements where several experiments are taken together."""

    def __post_init__(self) -> None:
        """Raises SettingError where a run is there twice."""
        check_once(self.runs)

    def histories(self) -> pd.DataFrame:
        """All histories, one row per recorded step, with the run's identity."""
        histories = self.source.histories(self.runs["run"].tolist())
        return histories.merge(self.runs[["run", "status", *GROUP, "seed"]], on="run", sort=False)

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A probe's arrays for one run, each with the probed steps first, and `step`; empty when it did not measure.

        Raises SettingError for a run that is not among these, and for a probe of which none of them has arrays.
        """
        for what, given, there in (("run", run, self.runs["run"].tolist()), ("probe", name, self.source.probes())):
            if given not in there:
                raise SettingError(f"{what}={given}: no such {what} in the results; {hint(given, there)}")
        return self.source.probe(run, name)

    def limited(self, only: Mapping[str, Sequence[Any]]) -> "Results":
        """The results of the runs whose columns have one of the values named, such as {"model.recurrent_gain": [1]}.

        None stands for null; the text of a number is no number. Missing jobs that were launched with another value are
        left out too; those that leave the column at its default stay. Raises SettingError on a column that no run has,
        and when no run is left.
        """
        runs, wanted = self.runs, {column: {typed_value(value) for value in values} for column, values in only.items()}
        for column, values in wanted.items():
            given = f"only.{column}={list(only[column])}"
            if column not in runs:
                raise SettingError(
                    f"{given}: no run has this column; {hint(f'only.{column}', [f'only.{each}' for each in runs])}"
                )
            typed = runs[column].map(typed_value)
            runs = runs[typed.isin(values)]
            if runs.empty:
                there = [override_text(value) for _, value in dict.fromkeys(typed)]
                raise SettingError(f"{given}: no run has one of these values; {hint('', there)}")
        launched = {job: dict(word.split("=", 1) for word in job.split() if "=" in word) for job in self.missing}
        missing = [
            job for job, given in launched.items()
            if all(typed_value(override_value(given[name])) in wanted[name] for name in wanted if name in given)
        ]  # fmt: skip
        return replace(self.of(runs), missing=missing) if only else self

    def of(self, runs: pd.DataFrame) -> "Results":
        """The results of these of the runs, their variants being what differs among these."""
        return replace(self, runs=sorted_runs(runs, ignored=[*self.ignored_settings, self.tuned or ""]))


def hint(given: str, known: Sequence[str]) -> str:
    """The known name that is nearest to the one given, or the first of them."""
    return did_you_mean(given, known).rstrip() or f"there are {', '.join(known[:12]) or 'none'}"


def check_once(runs: pd.DataFrame) -> None:
    """Raise SettingError, naming them, where two runs are of one cell, task, difficulty, variant and seed.

    They would count as two independent repetitions.
    """
    if not set(RUN) <= set(runs) or (doubled := runs[runs.duplicated(RUN, keep=False)]).empty:
        return
    first = doubled.iloc[0]
    same = (doubled[RUN] == first[RUN]).all(axis=1)
    names = f" ({', '.join(map(str, doubled.loc[same, 'run']))})" if "run" in doubled else ""
    raise SettingError(
        f"cell={first['cell']} task={first['task']} seed={first['seed']}: is there {same.sum()} times{names}; no "
        "setting tells these runs apart, and they would count as independent; keep one of them"
    )


FIRST = ("rnn", "lstm", "gru")
"""The cells that come first, in this order; the others follow by name."""


def cell_order(cell: str) -> tuple[int, str]:
    """A key that sorts cells: the one order of them in every table, figure and file."""
    return (FIRST.index(cell) if cell in FIRST else len(FIRST)), cell


def sorted_runs(runs: pd.DataFrame, ignored: Sequence[str] = ()) -> pd.DataFrame:
    """The runs with their `variant`, by task, difficulty, cell (see `cell_order`), variant and seed.

    Settings in `ignored` are left out of the variant.
    """
    table = runs.copy().assign(  # a copy lies in one piece, however many columns were joined
        variant=pd.Series(variants(runs, ignored), index=runs.index, dtype=object),
        difficulty=pd.Series([_plain_difficulty(value) for value in runs["difficulty"]], runs.index),
    )
    identities = table[["task", "difficulty", "cell", "variant", "seed"]].itertuples(False, None)
    keys = [(task, value_order(at), cell_order(cell), *others) for task, at, cell, *others in identities]
    return table.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)


def _plain_difficulty(value: Any) -> Any:
    """A number, truth value or text of Python's; text is empty where there is none."""
    _, plain = typed_value(value)
    if plain is None:
        return ""
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def numbers(runs: pd.DataFrame, column: str) -> "pd.Series[float]":
    """The column as numbers, all NaN where no run has it."""
    return pd.to_numeric(runs.get(column, pd.Series(np.nan, runs.index))).astype(float)


def rows_by(group: Sequence[str], runs: pd.DataFrame, row: Callable[[pd.DataFrame], Mapping[str, Any]]) -> pd.DataFrame:
    """A table with one row per group of runs, in their order: the columns of the group and those of `row`."""
    keys = runs.groupby(list(group), sort=False)
    return pd.DataFrame([dict(zip(group, key, strict=True)) | dict(row(of_key)) for key, of_key in keys])


def results_of(runs: pd.DataFrame, name: str = "table") -> Results:
    """The results of runs in a table, one row each, that some other program trained.

    Needed are `cell`, `seed`, and one of `test_loss` and `steps_to_solve`. With `steps_to_solve`, empty where a run did
    not get there, `steps_trained` says how long it was trained: there it is censored. Optional: `task`, `difficulty`
    (a length, by which comparisons are stratified), `status` (done, diverged, failed), any other column that
    results/README.md defines, and any setting, whose name has a dot: runs that differ in one are variants of a cell.
    Raises SettingError on a missing column, a doubled run, or a loss that is not a number.
    """
    measured = ["steps_to_solve", "steps_trained"] if "steps_to_solve" in runs else ["test_loss"]
    if lacking := [column for column in ("cell", "seed", *measured) if column not in runs]:
        raise SettingError(f"runs: needs the column {lacking[0]!r}; there are {', '.join(map(str, runs.columns))}")
    defaults: dict[str, Any] = {
        "task": "task", "difficulty": "", "difficulty_setting": "length" if "difficulty" in runs else "",
        "status": str(Status.DONE), "test_loss": np.nan, "steps_to_solve": np.nan, "steps_trained": 0,
        "baseline_loss": np.nan, "run": [f"row{number}" for number in range(len(runs))],
    }  # fmt: skip
    table = runs.assign(**{column: value for column, value in defaults.items() if column not in runs})
    table = table.reset_index(drop=True)
    for column in ("test_loss", "steps_to_solve", "steps_trained"):
        try:
            table[column] = pd.to_numeric(table[column])
        except (ValueError, TypeError) as error:
            raise SettingError(f"{column}: {error}") from None
    if unknown := set(table["status"]) - set(Status):
        raise SettingError(f"status={min(unknown)}: must be one of {', '.join(Status)}")
    table["difficulty"] = [  # a number where text can be one: tables are often read from CSV
        from_stored_text(value) if isinstance(value, str) else value for value in table["difficulty"]
    ]
    return Results(name, Path(name), sorted_runs(table), NoSource())


class NoSource:
    """Neither histories nor arrays."""

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        return pd.DataFrame(columns=["run", "step"])

    def probe(self, run: str, name: str) -> dict[str, Any]:
        return {}

    def probes(self) -> list[str]:
        return []
