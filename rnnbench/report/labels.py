"""Text for values: numbers, intervals, tasks, settings and variants, and for what is missing of an experiment."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from rnnbench.analysis.cell_pairs import WIDTH, Match
from rnnbench.analysis.intervals import Interval, Quartiles, is_degenerate
from rnnbench.analysis.results import Results, cell_order
from rnnbench.analysis.variant import Variant
from rnnbench.errors import printable
from rnnbench.report.cell_names import cell_name
from rnnbench.schema import MEASURED, TASK_GROUP, Status, stored_text

SHORT = {
    "model.initialisation": "",
    "model.recurrent_gain": "gain",
    "model.memory_bias": "memory bias",
    "model.hidden_size": "units",
}
"""Shorter names of settings in figures; one with an empty name is given by its value alone."""
UNSET = {"model.memory_bias": "own biases"}
"""What a setting that is not set leaves, where none would read as 0."""

_SQUARED = ("adding", "hochreiter_adding", "multiplication")
_ENTROPY = ("copy_memory", "noiseless_memorization", "random_permutation", "selective_copying", "sequential_digits",
            "temporal_order", "xor", "parity", "even_pairs", "cycle_navigation", "modular_arithmetic", "group_words",
            "associative_recall")  # fmt: skip
LOSSES = {
    **dict.fromkeys(_SQUARED, "mean squared error"),
    **dict.fromkeys(_ENTROPY, "cross-entropy (nats)"),
    "hochreiter_order": "sum of squared errors",
    "polyphonic_music": "negative log-likelihood (nats)",
    "characters": "cross-entropy (nats)",
    "arrays": "loss",
}
"""The losses of the menu's tasks with their units."""
RELATIVE_LOSS = {True: "test loss / best constant's", False: "test loss"}
"""With a baseline and without."""

LONGEST_LINE = 2000
"""Letters of a line on what is missing."""


def number(value: Any) -> str:
    """Three significant digits, fewer of a whole number; – for nothing, ∞ for more than was measured."""
    if not isinstance(value, float | int) or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:g}" if value == int(value) else f"{value:#.3g}".rstrip(".")


def interval(value: Interval | Quartiles, scale: float = 1.0) -> str:
    """The estimate or median and, where they are defined, its bounds or quartiles in brackets; `>6,000` where it is
    more than was measured, `<-300` where less."""
    if isinstance(value, Quartiles):
        value = Interval(value.median, value.first, value.third)
    if math.isinf(value.estimate) and value.estimate == value.high and math.isfinite(value.low):
        return f">{number(value.low * scale)}"
    if math.isinf(value.estimate) and value.estimate == value.low and math.isfinite(value.high):
        return f"<{number(value.high * scale)}"
    return f"{number(value.estimate * scale)} {bounds(value, scale)}".strip()


def interval_or_agreement(value: Interval, scale: float = 1.0) -> str:
    """The interval; where its bounds are one value, that all runs agree, which is no interval."""
    return f"{number(value.estimate * scale)} (all runs agree)" if is_degenerate(value) else interval(value, scale)


def some_of(count: int, runs: int) -> str:
    """`(3 of 5)`, the runs behind a number where it is not all of them; empty where it is, and where there are none."""
    return f" ({count} of {runs})" if 0 < count < runs else ""


def bounds(value: Interval, scale: float = 1.0) -> str:
    """The 95% bounds in brackets, empty where they are not defined."""
    if math.isnan(value.low) or math.isnan(value.high):
        return ""
    return f"[{number(value.low * scale)}, {number(value.high * scale)}]"


def is_number(text: str) -> bool:
    """Whether a formatted value is to be aligned as a number: it is one, with or without bounds, or stands for none."""
    return re.match(r"[-−+<>≥≤~]?\s?[\d∞–]", text) is not None


def loss_behind_gradient(runs: pd.DataFrame) -> str:
    """Which loss the runs' gradients through time are of."""
    known = sorted(set(runs["gradient_loss_at"].dropna())) if "gradient_loss_at" in runs else []
    named = [at if at.startswith(("all", "step")) else f"the {at}" for at in known]
    return f"the loss of {' or '.join(named)}" if named else "the loss"


def drawn_runs(runs: pd.DataFrame) -> str:
    """Of which runs a figure is: `Adding, lengths 20 and 50: RNN, LSTM and GRU, 5 seeds each.`"""
    tasks = []
    for (task, setting), of_task in runs.groupby(["task", "difficulty_setting"], sort=False):
        values = [difficulty_label(str(setting), value) for value in dict.fromkeys(of_task["difficulty"])]
        shown = [values[0], *(value.removeprefix(f"{setting} ") for value in values[1:])]
        tasks.append(" ".join(filter(None, [str(task).replace("_", " "), ", ".join(shown)])))
    cells = ", ".join(cell_name(cell) for cell in sorted(runs["cell"].unique(), key=cell_order))
    counts = runs.groupby([*TASK_GROUP, "cell", "variant"])["seed"].nunique()
    least, most = counts.min(), counts.max()
    seeds = f"{least} to {most} seeds" if least < most else "1 seed" if most == 1 else f"{most} seeds"
    return f"Task{'s' * (len(tasks) > 1)}: {'; '.join(tasks)}. Cells: {cells}; {seeds} each."


def loss_name(tasks: Iterable[str]) -> str:
    """The loss of the tasks with its unit, where they share it."""
    names = {LOSSES.get(task, "loss") for task in tasks}
    return names.pop() if len(names) == 1 else "loss"


def task_title(row: Mapping[Any, Any]) -> str:
    """The task of a row and its difficulty: `adding, length 20`."""
    task = str(row["task"]).replace("_", " ")
    return ", ".join(filter(None, [task, difficulty_label(row["difficulty_setting"], row["difficulty"])]))


def difficulty_label(setting: str, value: Any) -> str:
    """The value of a task's difficulty with its setting's name; the name of a file alone."""
    if isinstance(value, str):
        return value if setting == "path" or not value or value.startswith("all ") else f"{setting} {value}"
    return f"{setting} {setting_value(value)}"


def variant_label(variant: Variant, brief: bool = False) -> str:
    """The settings of a variant without their groups: `lr=0.01, layers=2`; for a figure with the names in SHORT."""
    last = Counter(name.rpartition(".")[2] for name, _ in variant.settings)
    parts = []
    for name, value in variant.settings:
        own = name.rpartition(".")[2]
        label = SHORT.get(name, own) if brief else (own if last[own] == 1 else name)
        named = f"{label}={setting_value(value)}" if label else setting_value(value)
        parts.append(UNSET.get(name, named) if value is None else named)
    return ", ".join(parts)


def cell_label(cell: str, variant: Variant, brief: bool = False) -> str:
    """A cell and its variant: `GRU, lr=0.01`."""
    return ", ".join(filter(None, [cell_name(cell), variant_label(variant, brief)]))


def group_texts(row: Mapping[Any, Any]) -> dict[str, str]:
    """What a row of a table is of, by heading: task, cell and variant."""
    variant = variant_label(row["variant"], brief=True)
    return {"task": task_title(row), "cell": cell_name(row["cell"]), "variant": variant}


def pair_texts(row: Mapping[Any, Any]) -> dict[str, str]:
    """What a row of a table is of, by heading: task and two cells."""
    cells = [cell_label(row[f"{end}cell"], row[f"{end}variant"], brief=True) for end in ("", "other_")]
    return {"task": task_title(row), "cell": cells[0], "other cell": cells[1]}


def match_label(match: Match) -> str:
    """In what cells match: `48 units each`, or `about 7,300 parameters each`, to two significant digits."""
    if match.column == WIDTH:
        return f"{match.value:g} units each"
    return f"about {float(f'{match.value:.2g}'):,.0f} parameters each"


def setting_value(value: Any) -> str:
    """The value of a setting: none for null; in quotes the text that would read as something else, such as "none"."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return stored_text(value)
    return short if isinstance(value, float) and float(short := f"{value:g}") == value else str(value)


def value_text(value: Any) -> str:
    """Any value of a table."""
    if isinstance(value, Interval | Quartiles):
        return interval(value)
    if isinstance(value, Variant):
        return variant_label(value)
    if isinstance(value, tuple):
        return " ".join(map(number, value))
    return number(value) if isinstance(value, float) else str(value)


def incomplete(results: Results) -> list[str]:
    """One printable line for each run that is missing, damaged, unfinished or failed."""
    lines = [f"missing: {overrides}" for overrides in results.missing]
    in_runs = set(results.runs["run"])
    for name, problem in results.damaged.items():
        used = "its row of runs.csv is used" if name in in_runs else "left out"
        lines.append(f"damaged: {name}: {problem} ({used})")
    without_result = results.runs[~results.runs["status"].isin(MEASURED)]
    lines += [f"{status}: {run}" for status, run in without_result[["status", "run"]].itertuples(index=False)]
    return [printable(line, LONGEST_LINE) for line in lines]


def diverged(results: Results) -> list[str]:
    """How many runs diverged, which is a result; nothing where none did."""
    count = int((results.runs["status"] == Status.DIVERGED).sum())
    return [f"{count} of {len(results.runs)} runs diverged."] if count else []
