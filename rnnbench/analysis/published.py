"""A paper's numbers beside those of one's runs, and whether the two agree."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from rnnbench.analysis.milestones import check_milestone, reached, steps_to
from rnnbench.analysis.random_search import SEARCHED, best_tenth, share_interval
from rnnbench.analysis.steps_ratio import FACTOR, steps_ratio
from rnnbench.analysis.verdict import LEVEL, Verdict, above, holds_if, holm_corrected, within
from rnnbench.errors import SettingError

COLUMNS = {
    "where": "table or figure of the paper",
    "what": "what the number is",
    "published": (
        "the paper's: a number or more than one, `all` or `no` runs, that the first of two is less, or alike; "
        "recalled: the paper was not at hand"
    ),
    "ours": "count of runs and the steps they had, or the median with the smallest and the largest run",
    "agree": (
        "yes, no, in part (some runs do what all or none do there) or not seen (our runs cannot tell); `less` by tests "
        "with Holm's correction over these rows, `alike` by an interval without"
    ),
    "runs": "number of our runs",
}
AGREE = {Verdict.HOLDS: "yes", Verdict.FAILS: "no", Verdict.UNDECIDED: "not seen"}
Numbers = Float[np.ndarray, " runs"]


def published_numbers(runs: pd.DataFrame, numbers: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per published number. `runs` are ended runs; each of `numbers` has

    - `where`, `what`: for the reader;
    - `of`: columns of the runs with the value that they have, such as {cell: lstm, difficulty: 100}; null: none;
    - `column`: a column of numbers, or several, of which the mean is taken, `times` which they are multiplied by (1),
      or a `milestone`, such as solved, whose steps count, without end where it was not reached;
    - `published`: one of

      - a number. It agrees where it lies between our smallest and largest run, or within the 95% prediction interval
        (Student's, of the logarithms where all are positive) of one more run, for one run is what a paper mostly shows.
        Of a mean over `trials` runs it is the interval for such a mean, and the smallest and largest run do not count.
        With `reached`, it is the best of many runs and agrees where one of ours has at least `reached`. Steps beyond
        our budget are not seen where a run of ours needs more than it too;
      - `all` or `no`: how many of the runs reached the milestone, within the steps that they had;
      - `less`, with `than`, a second set of runs: those of `of` have less. It agrees where the exact Mann-Whitney test,
        with Holm's correction over the rows of the table that order two, says so at 5%, and does not where the test
        says the opposite; `by` a column, such as difficulty, it compares the ranks among the runs with one value of it;
      - `alike`, with `than`: the steps of both to the milestone are within FACTOR of each other. It agrees where the
        95% interval of their ratio (`steps_ratio`) says so, and does not where that interval leaves out 1;
      - `more than`, with `share`: the part of the variance of the loss that the learning rate alone explains in a
        random search (`share_interval`), which agrees or does not where its 95% interval lies above or below;
    - `best: true`: of the runs of each set only the tenth with the smallest validation loss;
    - `recalled: true`: the number is from memory, not read in the paper, which the table says.

    Raises SettingError for an unknown kind of number, a missing column and a set without runs.
    """
    rows = [_row(runs, number) for number in numbers]
    return pd.DataFrame(_corrected(rows), columns=[*COLUMNS])


def _row(runs: pd.DataFrame, number: Mapping[str, Any]) -> dict[str, Any]:
    published, chosen = number["published"], _chosen(runs, number, "of")
    if published == "more than":
        found = _share_of_rate(chosen, float(number["share"]))
    elif published in ("all", "no"):
        found = _share(published, number, chosen)
    elif published == "less":
        found = _ordered(number, chosen, _chosen(runs, number, "than"))
    elif published == "alike":
        found = _alike(number, chosen, _chosen(runs, number, "than"))
    elif isinstance(published, int | float):
        values = _values(number, chosen)
        agree = _beside(values, number, chosen)
        found = {"ours": _text(values, "milestone" in number), "runs": len(chosen), "agree": agree}
    else:
        raise SettingError(f"published={published}: must be a number, all, no, less, alike or more than")
    return {"where": number["where"], "what": number["what"], "published": _said(number), **found}


def _said(number: Mapping[str, Any]) -> Any:
    said = f"more than {number['share']:g}" if "share" in number else number["published"]
    if not number.get("recalled", False):
        return said
    return f"{said if isinstance(said, str) else _digits(float(said))}, recalled"


def _chosen(runs: pd.DataFrame, number: Mapping[str, Any], which: str) -> pd.DataFrame:
    """The runs whose columns have the values, or the best tenth of them; raises SettingError when there are none."""
    for column, value in number[which].items():
        values = _column(runs, column)
        runs = runs[values.isna() if value is None else values == value]
    if runs.empty:
        raise SettingError(f"no run has {', '.join(f'{column}={value}' for column, value in number[which].items())}")
    return best_tenth(runs) if number.get("best", False) else runs


def _values(number: Mapping[str, Any], runs: pd.DataFrame) -> Numbers:
    """The runs' numbers: infinite where a milestone was not reached, left out where a column has no value."""
    if "milestone" in number:
        check_milestone(runs, number["milestone"])
        values = steps_to(runs, number["milestone"]).steps
    else:
        names = number["column"] if not isinstance(number["column"], str) else [number["column"]]
        columns = pd.concat([pd.to_numeric(_column(runs, name)) for name in names], axis=1)
        values = columns.mean(axis=1, skipna=False).dropna().to_numpy(float)
    return np.sort(values) * float(number.get("times", 1))


def _column(runs: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in runs:
        raise SettingError(f"needs the column {name!r}, which no run has")
    return runs[name]


def _share(published: str, number: Mapping[str, Any], runs: pd.DataFrame) -> dict[str, Any]:
    """How many runs reached the milestone that all or no runs of the paper did."""
    check_milestone(runs, number["milestone"])
    count, total = int(reached(runs, number["milestone"]).sum()), len(runs)
    budget = float(steps_to(runs, number["milestone"]).budgets.max())
    agreeing = count if published == "all" else total - count
    agree = "yes" if agreeing == total else "in part" if agreeing else "no"
    return {"ours": f"{count} of {total} in {_digits(budget)} steps", "runs": total, "agree": agree}


def _beside(values: Numbers, number: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Whether our runs could give the published number."""
    published = float(number["published"])
    if "reached" in number:
        return "yes" if (values >= float(number["reached"])).any() else "no"
    some_unsolved = "milestone" in number and np.isinf(values).any()
    if some_unsolved and published > steps_to(runs, number["milestone"]).budgets.max():
        return "not seen"
    return "yes" if _lies_within(values, published, number.get("trials", 1)) else "no"


def _lies_within(values: Numbers, published: float, trials: int) -> bool:
    """Whether a published number could come of further runs: it lies within ours or within the prediction interval of
    one more run; or, a mean over `trials`, within that of the mean of as many where all of ours have a number.
    """
    if values.size == 0:
        return False
    finite, inside = bool(np.isfinite(values).all()), bool(values[0] <= published <= values[-1])
    if values.size < 2 or not finite or (inside and trials == 1):
        return inside
    if trials == 1 and values[0] > 0 and published > 0:
        values, published = np.log(values), math.log(published)
    spread = float(values.std(ddof=1)) * math.sqrt(1 / trials + 1 / values.size)
    return abs(published - float(values.mean())) <= float(stats.t.ppf(1 - LEVEL / 2, values.size - 1)) * spread


def _ordered(number: Mapping[str, Any], runs: pd.DataFrame, others: pd.DataFrame) -> dict[str, Any]:
    """The exact tests that the first have less and that they have more, two-sided by doubling."""
    values = [_values(number, each) for each in (runs, others)]
    less, more = values if "by" not in number else _ranks(number, runs, others)
    method = stats.PermutationMethod(n_resamples=99_999, rng=np.random.default_rng(0))
    p_values = [
        min(1.0, 2 * float(stats.mannwhitneyu(less, more, alternative=side, method=method).pvalue))
        for side in ("less", "greater")
    ]
    ours = " v ".join(_text(each, "milestone" in number) for each in values)
    return {"ours": ours, "runs": f"{less.size} v {more.size}", "agree": p_values}


def _ranks(number: Mapping[str, Any], runs: pd.DataFrame, others: pd.DataFrame) -> list[Numbers]:
    """The ranks of both sets' numbers among those with one value of the column `by`, so that each counts for itself."""
    by = number["by"]
    groups = [[_values(number, each[_column(each, by) == one]) for each in (runs, others)] for one in runs[by].unique()]
    ranks = [np.split(stats.rankdata(np.concatenate(pair)), [pair[0].size]) for pair in groups]
    return [np.concatenate(side) for side in zip(*ranks, strict=True)]


def _alike(number: Mapping[str, Any], runs: pd.DataFrame, others: pd.DataFrame) -> dict[str, Any]:
    """Whether both take as many steps, to within FACTOR."""
    a, b = (steps_to(each, number["milestone"]) for each in (runs, others))
    ratio = steps_ratio(a, b, np.random.default_rng(0))
    equal = within(ratio, 1 / FACTOR, FACTOR) is Verdict.HOLDS
    agree = "yes" if equal else "no" if within(ratio, 1, 1) is Verdict.FAILS else "not seen"
    ours = " v ".join(_text(_values(number, each), of_steps=True) for each in (runs, others))
    return {"ours": ours, "runs": f"{len(runs)} v {len(others)}", "agree": agree}


def _share_of_rate(runs: pd.DataFrame, least: float) -> dict[str, Any]:
    """Whether the learning rate alone explains more than this share of the variance of the loss over the trials."""
    share = share_interval(runs, SEARCHED, SEARCHED[0], np.random.default_rng(0))
    ours = f"{share.estimate:.2f} [{share.low:.2f}, {share.high:.2f}]"
    return {"ours": ours, "runs": len(runs), "agree": AGREE[above(share, least)]}


def _corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with verdicts for the p-values of those that order two, by Holm's correction over them."""
    tested = [row for row in rows if isinstance(row["agree"], list)]
    verdicts = [holds_if(less <= more) for less, more in (row["agree"] for row in tested)]
    after, _ = holm_corrected(verdicts, [min(row["agree"]) for row in tested])
    for row, verdict in zip(tested, after, strict=True):
        row["agree"] = AGREE[verdict]
    return rows


def _text(values: Numbers, of_steps: bool) -> str:
    """The median, of two middle steps the lower as by Kaplan & Meier, with the smallest and the largest of the sorted
    values; never: a milestone not reached.
    """
    if values.size == 0:
        return "no run has it"
    middle = values[(values.size - 1) // 2] if of_steps else float(np.median(values))
    low, high = _digits(values[0]), _digits(values[-1])
    return low if low == high else f"{_digits(middle)} ({low} to {high})"


def _digits(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
