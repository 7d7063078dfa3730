"""The claim that the GRU trains faster than the LSTM."""

import math
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import UNDEFINED
from rnnbench.analysis.log_rank import log_rank_test
from rnnbench.analysis.milestones import steps_to
from rnnbench.analysis.paired import paired_test
from rnnbench.analysis.power import detectable_difference_of, detectable_steps_ratio
from rnnbench.analysis.results import Results
from rnnbench.analysis.steps_ratio import steps_ratio
from rnnbench.analysis.steps_to_solve import StepsToSolve
from rnnbench.analysis.verdict import Verdict, below
from rnnbench.claims.claim import Case, Claim, Kind, NotMeasuredError, Significance
from rnnbench.claims.selection import (
    names,
    rate_label,
    select,
    trained,
    trained_at_one_width,
    with_values,
)
from rnnbench.claims.steps import Pair, milestone_told, pair_of, ratios_by_difficulty, solved_told

IMPLEMENTATIONS = {"fused": "fused", "torch_nn": "torch.nn on CPU"}
"""Kernels compiled alike, and the modules as shipped."""
OVER_STEPS = "log-rank, stratified by length, by permutation"


def _faster(results: Results) -> list[Case]:
    timed = {
        implementation: with_values(select(results, {"cell": "gru"}), *_columns(implementation))
        for implementation in IMPLEMENTATIONS
    }
    cases = [_pass_time(implementation, runs) for implementation, runs in timed.items()]
    try:
        runs = trained_at_one_width(trained(results, ["gru", "lstm"]))
        pair = pair_of(runs, "gru", "lstm")
    except NotMeasuredError as error:
        return [*cases, _steps_not_measured(str(error))]
    if not len(pair[0]):
        return [*cases, _steps_not_measured("needs trained runs of gru and lstm of one width at the same length")]
    rate = {"rate": rate_label(results, runs)}
    cases.append(_sooner({"compared": "steps_to_solve", **rate}, pair, (1.0, 1.0), "steps to solve, GRU's over LSTM's"))
    for implementation, of_implementation in timed.items():
        seconds = [float(of_implementation[column].median()) for column in _columns(implementation)]
        condition = {"compared": "time_to_solve", "implementation": IMPLEMENTATIONS[implementation], **rate}
        cases.append(_sooner(condition, pair, (seconds[0], seconds[1]), "time to solve, GRU's over LSTM's"))
    return cases


def _steps_not_measured(reason: str) -> Case:
    """Without it the times of a pass would pass for the whole claim."""
    return Case({"compared": "steps_to_solve"}, Verdict.NOT_MEASURED, UNDEFINED, "", details={"": reason})


def _columns(implementation: str) -> tuple[str, str]:
    """The times of a forward and backward pass of the GRU, and of the LSTM alongside it in the same process."""
    return f"pass_{implementation}_s", f"pass_lstm_{implementation}_s"


def _pass_time(implementation: str, runs: pd.DataFrame) -> Case:
    of_gru, of_lstm = (runs[column].to_numpy(float) for column in _columns(implementation))
    logarithms = np.log(of_gru) - np.log(of_lstm)
    test = paired_test(logarithms, np.random.default_rng(0))
    ratio = test.interval.map(math.exp)
    shared = (
        {"taken_beside_other_runs": float(runs["times_shared"].isin([True]).sum())} if "times_shared" in runs else {}
    )
    return Case(
        {"compared": "pass_time", "implementation": IMPLEMENTATIONS[implementation]},
        below(ratio, 1),
        ratio,
        "time of a forward and backward pass, GRU's over LSTM's",
        names(runs),
        Significance("paired Student of log times, a pair for each process", test.p_value),
        math.exp(-detectable_difference_of(logarithms)),
        "ratio of times",
        {"p_sign_flip": test.p_sign_flip, **shared},
    )


def _sooner(condition: dict[str, Any], pair: Pair, seconds: tuple[float, float], unit: str) -> Case:
    """That the GRU solves in less: steps, or with the seconds of a step of each cell, time."""
    a, b = (_scaled(steps_to(runs), each) for runs, each in zip(pair, seconds, strict=True))
    ratio = steps_ratio(a, b, np.random.default_rng(0))
    in_steps = seconds == (1.0, 1.0)
    details = {**solved_told(pair), **ratios_by_difficulty(pair), **milestone_told(pair)} if in_steps else {}
    return Case(
        condition,
        below(ratio, 1),
        ratio,
        unit,
        names(*pair),
        Significance(OVER_STEPS, log_rank_test(a, b, np.random.default_rng(0)).p_value),
        detectable_steps_ratio(a, b, np.random.default_rng(0)),
        "ratio",
        details,
    )


def _scaled(runs: StepsToSolve, seconds: float) -> StepsToSolve:
    """Steps as times. Both cells' passes grow with the length alike, so one time serves at all lengths."""
    return StepsToSolve(runs.steps * seconds, runs.budgets * seconds, runs.strata)


FASTER = Claim(
    "faster",
    "The GRU trains faster than the LSTM.",
    "001, 003",
    Kind.MEASURED,
    "at one width: time of a forward and backward pass, GRU's over LSTM's, interleaved in one process, with kernels "
    "compiled alike (fused) and with the modules of torch.nn on CPU; steps to solve over all runs, censored at their "
    "budget; time to solve, the steps times the median time of a pass (weight update not in it)",
    "each holds where the interval of the ratio is below 1, fails where it is above",
    _faster,
)
