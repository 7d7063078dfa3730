"""Sentences on what was found, from the rows of tables.

Counts, medians and means are said as they are. That one cell needs fewer steps or has a smaller loss than another is
said only where the test says so after Holm's correction, in the four verdicts of `rnnbench.analysis.verdict`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import paired_test
from rnnbench.analysis.milestones import SOLVED
from rnnbench.analysis.variant import Variant, value_order
from rnnbench.analysis.verdict import EQUIVALENCE, Verdict, above, holm_corrected
from rnnbench.report.cell_names import cell_name
from rnnbench.report.labels import bounds, interval, number, task_title, variant_label
from rnnbench.schema import TASK_GROUP

MOST_TASKS, MOST_CELLS, MOST_PAIRS, MOST_TESTS = 5, 6, 6, 9
"""That have a sentence, or a part of one, each."""

OF_PAIRS = {
    Verdict.HOLDS: "find the two equivalent",
    Verdict.FAILS: "find a difference beyond the margin",
    Verdict.DIFFERS: "find a difference, within the margin or beyond it",
    Verdict.UNDECIDED: "see no difference",
    Verdict.NOT_MEASURED: "do not judge equivalence",
}

WORDS = {
    "steps": ("fewer_steps", "fewer", "more", "{a} takes {word} steps than {b}", "{a} takes {word}"),
    "losses": ("smaller_loss", "smaller", "larger", "the loss of {a} is {word} than that of {b}",
               "that of {a} is {word}"),
}  # fmt: skip
"""By quantity: the column with the verdict that the first cell has less, words for less and more, and who has less in a
sentence and behind another."""

Row = Mapping[Any, Any]


def listed(parts: Sequence[str], most: int = MOST_CELLS) -> str:
    """`a, b and c`; of many the first, and how many more."""
    shown = [*parts[:most], f"{len(parts) - most} more"] if len(parts) > most else list(parts)
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else "".join(shown)


def hardest(rows: pd.DataFrame) -> list[tuple[str, list[Row]]]:
    """For each task its title and rows at its largest difficulty, of the first tasks."""
    found = []
    for _, of_task in rows.groupby(["task", "difficulty_setting"], sort=False):
        largest = max(of_task["difficulty"], key=value_order)
        chosen = cast(list[Row], of_task[of_task["difficulty"] == largest].to_dict("records"))
        found.append((condition(chosen[0]), chosen))
    return found[:MOST_TASKS]


def condition(row: Row) -> str:
    """`adding (length 200)`."""
    task, _, difficulty = task_title(row).partition(", ")
    return f"{task} ({difficulty})" if difficulty else task


def named(row: Row, end: str = "") -> str:
    """The cell of a row, or the other one, with its variant: `GRU (gain=2)`."""
    cell = cell_name(row[f"{end}cell"])
    return f"{cell} ({variant_label(row[f'{end}variant'], brief=True)})" if row[f"{end}variant"] else cell


def milestones_reached(rows: pd.DataFrame, milestone: str) -> list[str]:
    """For each task, in how many steps each cell reaches the milestone and in how many runs; else the losses."""
    sentences = []
    for title, of_task in hardest(rows):
        having = [row for row in of_task if not math.isnan(row["success_rate"].estimate)]
        goal = f"solves {title}" if milestone == SOLVED else f"reaches {milestone} on {title}"
        sentences += [_steps_to(having, goal)] if having else _losses(of_task, title)
    return sentences


def _steps_to(rows: Sequence[Row], goal: str) -> str:
    """Those that half of the runs reach it in, by their medians; then those with fewer, then those with none."""
    rows = sorted(rows, key=lambda row: (row["steps_to_milestone"].estimate, -row["success_rate"].estimate))
    best = {row["cell"]: row for row in reversed(rows)}
    chosen = rows if len(rows) <= MOST_CELLS else [row for row in rows if best[row["cell"]] is row]
    best_of = f"; of {len(rows)} cells and settings the best of each cell, chosen by these runs."
    end = "." if len(chosen) == len(rows) else best_of
    some = [row for row in chosen if row["success_rate"].estimate > 0]
    none = listed([named(row) for row in chosen if row["success_rate"].estimate == 0])
    no_run = f"o run{_budget(chosen)}"
    if not some:
        return f"N{no_run} {goal}: {none}{end}"
    others = [f"{named(row)} {_in_steps(row)}" for row in some[1:MOST_CELLS]]
    others += [f"{len(some) - MOST_CELLS} more in more steps or fewer runs"] if len(some) > MOST_CELLS else []
    never = f"; {none} in n{no_run}" if none else ""
    return ", ".join([f"{named(some[0])} {goal} {_in_steps(some[0], 'median; ')}", *others]) + never + end


def _in_steps(row: Row, what: str = "") -> str:
    """The median over all runs, those that did not get there censored; where fewer than half did, their number."""
    rate, steps = row["success_rate"].estimate, row["steps_to_milestone"].estimate
    count = f"{round(rate * row['runs'])} of {row['runs']}"
    if math.isinf(steps):
        return f"in {count} runs{_budget([row])}"
    return f"in {number(steps)} steps ({what}{count} runs)"


def _budget(rows: Sequence[Row]) -> str:
    """` of 6,000 steps`; empty where the budget was not recorded."""
    budgets = dict.fromkeys(row["budget"] for row in rows if row["budget"] != "")
    texts = [number(float(each)) if isinstance(each, int | float) else str(each) for each in budgets]
    return f" of {' or '.join(texts)} steps" if texts else ""


def _losses(rows: Sequence[Row], title: str) -> list[str]:
    """The losses on test data, the smallest first; no sentence without one."""
    known = [row for row in rows if math.isfinite(row["test_loss"].estimate)]
    found = sorted(known, key=lambda row: float(row["test_loss"].estimate))
    if not found:
        return []
    constant = found[0]["baseline_loss"]
    than = f"; the best constant has {number(constant)}" if isinstance(constant, float) and constant > 0 else ""
    losses = [f"{named(row)} {interval(row['test_loss'])}" for row in found]
    return [f"Test loss on {title}: {listed(losses)}{than}."]


def lengths_solved(rows: pd.DataFrame) -> list[str]:
    """The longest lengths that at least half of the runs solve, of each task with several lengths."""
    sentences = []
    for task, of_task in rows.groupby("task", sort=False):
        found = [row for row in of_task.to_dict("records") if len(row["lengths"]) > 1]
        parts = [
            f"{named(row)} {'at least ' if row['at_longest_tested'] else ''}"
            f"{number(row['longest_solvable_length'].estimate)}"
            for row in found
        ]
        what = SOLVED if not found or found[0]["milestone"] == SOLVED else f"with {found[0]['milestone']}"
        sentences += [f"Longest length of {task} {what} by half of the runs: {listed(parts)}."] if parts else []
    return sentences[:MOST_TASKS]


def decades_lost(rows: pd.DataFrame, text: Callable[[Row], str]) -> list[str]:
    """The decades that the gradient loses at initialisation, for the variants that most cells share; `text` of a row.

    A setting that is not set, such as a memory bias, is one with those of cells that do not have it.
    """
    sentences = []
    for title, of_task in hardest(rows):
        groups: dict[Any, list[Row]] = {}
        for row in of_task:
            shared = Variant(tuple(setting for setting in row["variant"].settings if setting[1] is not None))
            groups.setdefault(shared, []).append(row)
        most_first = sorted(groups.items(), key=lambda group: -len(group[1]))
        for variant, of_variant in most_first[:MOST_TASKS]:
            parts = [f"{cell_name(row['cell'])} {text(row)}" for row in of_variant]
            where = f" with {variant_label(variant, brief=True)}" if variant else ""
            grows = " (it grows where negative)" if any(" -" in part for part in parts) else ""
            sentences.append(
                f"Decades that the gradient loses at initialisation on {title}{where}, medians: {listed(parts)}{grows}."
            )
    return sentences[:MOST_TASKS]


def by_line(runs: pd.DataFrame, values: Mapping[str, float]) -> dict[str, list[float]]:
    """The values of runs, by name, for each task, cell and variant; tasks are named where there are several."""
    found: dict[str, list[float]] = {}
    several = len(runs.groupby(TASK_GROUP)) > 1
    for run in runs.to_dict("records"):
        if run["run"] in values:
            told = Variant(tuple(each for each in run["variant"].settings if not each[0].startswith("probes.")))
            label = named({**run, "variant": told})
            found.setdefault(f"{label} on {condition(run)}" if several else label, []).append(values[run["run"]])
    return found


def signs(what: str, values: Mapping[str, Sequence[float]], words: tuple[str, str, str]) -> list[str]:
    """On which side of 0 a quantity lies of each of several, by its runs: above, below and undecided in `words`.

    Of many, of how many each is so. Nothing is said where none has two runs with a value.
    """
    known = {label: np.array(of)[~np.isnan(of)] for label, of in values.items()}
    tests = {label: paired_test(of, np.random.default_rng(0)) for label, of in known.items() if of.size}
    if all(test.pairs < 2 for test in tests.values()):
        return []
    verdicts = holm_corrected([above(each.interval) for each in tests.values()],
                              [each.p_value for each in tests.values()]).verdicts  # fmt: skip
    told = []
    for verdict, said in zip((Verdict.HOLDS, Verdict.FAILS, Verdict.UNDECIDED), words, strict=True):
        those = [f"{label} {interval(test.interval)}"
                 for (label, test), own in zip(tests.items(), verdicts, strict=True) if own is verdict]  # fmt: skip
        told += [f"{said} {len(those) if len(tests) > MOST_TESTS else listed(those)}"] if those else []
    if len(tests) > MOST_TESTS:
        return [f"{what}: {', '.join(told)} of {len(tests)} cells and settings, by Holm's correction."]
    holm = f", Holm's correction for {len(tests)} tests" if len(tests) > 1 else ""
    return [f"{what}: {'; '.join(told)} (means over seeds, 95%{holm})."]


def compared(rows: pd.DataFrame, quantity: str, factor: float, where: str = "") -> list[str]:
    """A sentence for each of a few pairs of cells; of many pairs, how many have which verdict.

    `quantity` is steps or losses, `factor` the margin within which they are equivalent.
    """
    if len(rows) <= MOST_PAIRS:
        return [pair_compared(row, quantity, factor, len(rows)) for row in rows.to_dict("records")]
    counts = rows["equivalent"].value_counts()
    parts = [f"{counts[EQUIVALENCE[verdict]]} {words}" for verdict, words in OF_PAIRS.items()
             if counts.get(EQUIVALENCE[verdict])]  # fmt: skip
    return [f"Of {len(rows)} comparisons of {quantity}{where}, {listed(parts)} after Holm's correction."]


def pair_compared(row: Row, quantity: str, factor: float, tests: int) -> str:
    """What is known of the steps or losses of a pair: one of the four verdicts, with the ratio and the p-value behind
    it. On a linear scale of losses equivalence is not judged."""
    a, b = named(row), named(row, "other_")
    column, better, worse, *forms = WORDS[quantity]
    word = {Verdict.HOLDS.value: better, Verdict.FAILS.value: worse}.get(row[column])
    ordered, also = (form.format(a=a, b=b, word=word) if word else "" for form in forms)
    pair, bounded = f"the {quantity} of {a} and {b}", f"within a factor of {factor:g}"
    said = {
        EQUIVALENCE[Verdict.HOLDS]: f"{pair} are equivalent, {bounded}" + (f", and {also}" if also else ""),
        EQUIVALENCE[Verdict.FAILS]: f"{ordered or f'{pair} differ'}, by more than a factor of {factor:g}",
        EQUIVALENCE[Verdict.DIFFERS]: f"{ordered or f'{pair} differ'}, {bounded} or beyond is not known",
        EQUIVALENCE[Verdict.NOT_MEASURED]: ordered,
    }.get(row["equivalent"]) or f"no difference between {pair} is seen"
    p_value = f"p = {number(row['p_holm'])}" + (f" by Holm's correction for {tests} tests" if tests > 1 else "")
    return f"On {condition(row)}, {said}{_ratio(row, quantity)} ({p_value})."


def _ratio(row: Row, quantity: str) -> str:
    """`: 3.75 times as many [2.01, 6.11]`, or the bound that is known, or why there is no ratio."""
    if quantity == "losses" and row["equivalent"] == EQUIVALENCE[Verdict.NOT_MEASURED]:
        return ""
    if row.get("why_no_ratio"):
        return f" ({row['why_no_ratio']})"
    ratio = row["ratio"] if quantity == "steps" else row["difference"].map(lambda decades: 10**decades)
    times = "times as many" if quantity == "steps" else "times"
    if ratio.estimate == 0:
        return f": less than {number(ratio.high)} {times}"
    if np.isinf(ratio.estimate):
        return f": more than {number(ratio.low)} {times}"
    return f": {number(ratio.estimate)} {times} {bounds(ratio)}".rstrip()
