"""The claim that the GRU trains faster than the LSTM."""

import math

import numpy as np
import pandas as pd

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.paired import paired_test
from rnnbench.analysis.power import detectable_difference_of
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import below
from rnnbench.claims.claim import Case, Claim, Kind, NotMeasuredError, not_measured
from rnnbench.claims.selection import names, rate_label, select, trained, trained_at_one_width, with_values
from rnnbench.claims.steps import fewer_steps, pair_of

IMPLEMENTATIONS = {"fused": "fused", "torch_nn": "torch.nn on CPU"}
"""Kernels compiled alike, and the modules as shipped."""


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
            raise NotMeasuredError("needs trained runs of gru and lstm of one width at the same length")
    except NotMeasuredError as error:  # said, or the times of a pass would pass for the whole claim
        return [*cases, not_measured(str(error), in_steps)]
    rate = {"rate": rate_label(results, runs)}
    cases.append(fewer_steps(in_steps | rate, pair, "steps to solve, GRU's over LSTM's", "ratio"))
    for implementation, of_implementation in timed.items():
        of_gru, of_lstm = (float(of_implementation[column].median()) for column in _columns(implementation))
        condition = {"compared": "time_to_solve", "implementation": IMPLEMENTATIONS[implementation], **rate}
        cases.append(fewer_steps(condition, pair, "time to solve, GRU's over LSTM's", "ratio", (of_gru, of_lstm)))
    return cases


def _columns(implementation: str) -> tuple[str, str]:
    """The times of a forward and backward pass of the GRU, and of the LSTM alongside it in the same process."""
    return f"pass_{implementation}_s", f"pass_lstm_{implementation}_s"


def _pass_time(implementation: str, runs: pd.DataFrame) -> Case:
    of_gru, of_lstm = (runs[column].to_numpy(float) for column in _columns(implementation))
    logarithms = np.log(of_gru) - np.log(of_lstm)
    test = paired_test(logarithms, np.random.default_rng(0))
    bounds = test.interval.estimate, test.interval.low, test.interval.high
    ratio = Interval(*(math.exp(bound) for bound in bounds))
    shared = (
        {"taken_on_a_shared_machine": float(runs["times_shared"].isin([True]).sum())} if "times_shared" in runs else {}
    )
    return Case(
        {"compared": "pass_time", "implementation": IMPLEMENTATIONS[implementation]},
        below(ratio, 1),
        ratio,
        "time of a forward and backward pass, GRU's over LSTM's",
        names(runs),
        "paired Student of log times, a pair for each process",
        test.p_value,
        math.exp(-detectable_difference_of(logarithms)),
        "ratio of times",
        {"p_sign_flip": test.p_sign_flip, **shared},
    )


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
