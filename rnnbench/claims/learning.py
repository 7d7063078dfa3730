"""Claims on which cell learns better, and on which trains faster."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.cell_pairs import WIDTH, matched_comparisons
from rnnbench.analysis.intervals import margin_p_value, paired_test
from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.loss_comparison import baselines, budgets_trained, loss_differences, losses_of, median_decades
from rnnbench.analysis.milestones import steps_to
from rnnbench.analysis.power import detectable_difference_of, detectable_steps_ratio
from rnnbench.analysis.results import Results
from rnnbench.analysis.steps_ratio import FACTOR, steps_equivalence
from rnnbench.analysis.verdict import Verdict, below, within
from rnnbench.claims.claim import Case, Claim, not_measured
from rnnbench.claims.selection import (
    STOPS,
    Pair,
    by_difficulty,
    by_seed,
    fewer_steps,
    less_time,
    milestone_details,
    names,
    pair_of,
    rate_label,
    select,
    solved_counts,
    trained,
    trained_at_one_width,
    with_values,
)
from rnnbench.errors import SettingError

LOSS_MARGIN = math.log10(2)
"""Losses within a factor of 2 of each other are alike, in decades: a convention."""

HALVED = -math.log10(2)
"""Of the baseline's loss, in decades: two cells that have both learned nothing are not comparable for that."""

IMPLEMENTATIONS = {"fused": "fused", "torch_nn": "torch.nn on CPU"}
"""What passes are timed with: kernels compiled alike, and the modules as shipped."""


def _pairs(results: Results, one: str, other: str) -> list[tuple[Mapping[str, Any], Pair]]:
    """The runs of both cells by what they match in, those of equally many parameters first."""
    runs = trained(results, [one, other])
    matched = sorted(matched_comparisons(runs).items(), key=lambda item: item[0].column == WIDTH)
    rate = rate_label(results, runs)
    pairs = [({"match": match, "rate": rate}, pair_of(group, one, other)) for match, group in matched]
    if not any(len(pair[0]) for _, pair in pairs):
        raise SettingError(f"needs matched runs of {one} and {other} at the same length")
    return [(condition, pair) for condition, pair in pairs if len(pair[0])]


def _alike(results: Results, one: str, other: str) -> list[Case]:
    """That two cells take as many steps at each length, and end with the same loss where they trained equally long."""
    cases = []
    for condition, pair in _pairs(results, one, other):
        for at, part in by_difficulty(pair):
            cases.append(_equally_soon({"compared": "steps_to_solve", **at, **condition}, part))
            train_on = all(STOPS in runs and not runs[STOPS].any() for runs in part)
            if train_on and np.ptp(np.concatenate([budgets_trained(runs) for runs in part])) == 0:
                cases.append(_equal_losses({"compared": "loss_at_equal_budgets", **at, **condition}, part))
    return cases


def _equally_soon(condition: Mapping[str, Any], pair: Pair) -> Case:
    a, b = (steps_to(runs) for runs in pair)
    ratio, verdict, p_value = steps_equivalence(a, b, np.random.default_rng(0))
    alike = log_rank_test(a, b, np.random.default_rng(0))
    return Case(
        condition,
        verdict,
        ratio,
        "ratio of steps to solve",
        names(*pair),
        "log-rank by permutation, at both margins and at none",
        p_value,
        lambda level: detectable_steps_ratio(a, b, np.random.default_rng(0), level),
        "ratio of steps",
        {**solved_counts(pair), **milestone_details(pair)},
        p_difference=alike.p_value,
    )


def _equal_losses(condition: Mapping[str, Any], pair: Pair) -> Case:
    one, other = by_seed(pair[0]).align(by_seed(pair[1]), join="inner", axis=0)
    a, b = losses_of(one), losses_of(other)
    if not (np.concatenate([a, b]) > 0).all():
        return not_measured("a loss of 0, or none, has no logarithm", condition)
    differences = loss_differences(a, b)
    test = paired_test(differences, np.random.default_rng(0))
    verdict = within(test.interval, -LOSS_MARGIN, LOSS_MARGIN)
    over_baseline = {
        f"decades_over_baseline_{each['cell'].iloc[0]}": median_decades(runs, baselines(runs))
        for each, runs in zip(pair, (one, other), strict=True)
    }
    learned = min(over_baseline.values()) < HALVED
    if verdict is Verdict.HOLDS and not learned:
        verdict = Verdict.UNDECIDED
    return Case(
        condition,
        verdict,
        test.interval,
        "decades of test loss, difference",
        names(one, other),
        f"{'paired Student' if np.isfinite(differences).all() else 'signs of ranks'}, at both margins and at none",
        margin_p_value(differences, LOSS_MARGIN, np.random.default_rng(0)),
        partial(detectable_difference_of, differences),
        "decades",
        {"p_sign_flip_of_no_difference": test.p_sign_flip, **over_baseline},
        p_difference=test.p_value if learned else math.nan,
    )


def _faster(results: Results) -> list[Case]:
    timed = {
        implementation: with_values(select(results, {"cell": "gru"}), *_columns(implementation))
        for implementation in IMPLEMENTATIONS
    }
    cases = [_pass_time(implementation, runs) for implementation, runs in timed.items()]
    in_steps = {"compared": "steps_to_solve"}
    try:
        runs = trained_at_one_width(trained(results, ["gru", "lstm"]))
        pair = pair_of(runs, "gru", "lstm")
        if not len(pair[0]):
            raise SettingError("needs trained runs of gru and lstm of one width at the same length")
    except SettingError as error:  # said, or the times of a pass would pass for the whole claim
        return [*cases, not_measured(str(error), in_steps)]
    rate = {"rate": rate_label(results, runs)}
    cases.append(fewer_steps(in_steps | rate, pair, "steps to solve, GRU's over LSTM's"))
    for implementation, of_implementation in timed.items():
        condition = {"compared": "time_to_solve", "implementation": IMPLEMENTATIONS[implementation], **rate}
        cases.append(less_time(condition, pair, _log_passes(implementation, of_implementation)))
    return cases


def _columns(implementation: str) -> tuple[str, str]:
    return f"pass_{implementation}_s", f"pass_lstm_{implementation}_s"


def _log_passes(implementation: str, runs: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """The natural logarithm of the GRU's time of a pass over the LSTM's, by process."""
    of_gru, of_lstm = (runs[column].to_numpy(float) for column in _columns(implementation))
    return np.asarray(np.log(of_gru) - np.log(of_lstm))


def _pass_time(implementation: str, runs: pd.DataFrame) -> Case:
    logarithms = _log_passes(implementation, runs)
    test = paired_test(logarithms, np.random.default_rng(0))
    ratio = test.interval.map(math.exp)
    marked = runs.get("times_shared")
    shared = {} if marked is None else {"taken_on_a_shared_machine": float(marked.isin([True]).sum())}
    return Case(
        {"compared": "pass_time", "implementation": IMPLEMENTATIONS[implementation]},
        below(ratio, 1),
        ratio,
        "time of a forward and backward pass, GRU's over LSTM's",
        names(runs),
        "paired Student of log times, a pair for each process",
        test.p_value,
        lambda level: math.exp(-detectable_difference_of(logarithms, level)),
        "ratio of times",
        {"p_sign_flip": test.p_sign_flip, **shared},
    )


ALIKE = (
    "ratio of steps to solve by length, runs that did not solve it censored at their budget; where all runs train "
    "equally long, the paired difference of log10 test loss; at equal parameters and at equal width"
)
ALIKE_RULE = (
    f"equivalent where the interval lies within a factor of {FACTOR:g} (steps) or of 2 (loss), differs by more where "
    "it lies outside, differs where it crosses and no difference is rejected, else not seen; so are losses neither of "
    "which is below half of the baseline's. Holds where all are equivalent, fails where all differ by more, differs "
    "where some differ and none is equivalent"
)

GRU_BEATS_RNN = Claim(
    "gru-beats-rnn",
    "The GRU is better than the vanilla RNN.",
    "000, 003",
    "ratio of steps to solve, all lengths together as strata, runs that did not solve it censored at their budget; at "
    "equal parameters and at equal width, at the learning rate that is named",
    "holds where the log-rank test finds the ratio below 1, fails where above",
    lambda results: [fewer_steps(*each, "steps to solve, GRU's over RNN's") for each in _pairs(results, "gru", "rnn")],
)
COMPARABLE = Claim(
    "comparable",
    "The GRU performs comparably to the LSTM.",
    "002",
    f"{ALIKE}: GRU against LSTM, at the learning rate that is named, on which the verdict may depend",
    ALIKE_RULE,
    partial(_alike, one="gru", other="lstm"),
)
SIGMOID_CANDIDATE = Claim(
    "sigmoid-candidate",
    "A sigmoid candidate serves as well as tanh.",
    "004",
    f"{ALIKE}: gru_goodfellow against gru",
    ALIKE_RULE,
    partial(_alike, one="gru_goodfellow", other="gru"),
)
FASTER = Claim(
    "faster",
    "The GRU trains faster than the LSTM.",
    "001, 003",
    "at one width: time of a forward and backward pass, GRU's over LSTM's, interleaved in one process, with kernels "
    "compiled alike (fused) and with the modules of torch.nn on CPU; steps to solve over all runs, censored at their "
    "budget; time to solve, the steps times the time of a pass (at one length, weight update not in it), with the "
    "uncertainty of both",
    "each holds where the interval of the ratio is below 1, fails where it is above",
    _faster,
)
