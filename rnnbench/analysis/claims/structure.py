"""Claims on what a cell is made of and what that costs."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.claims.claim import Case, Claim, Count, Finding, NotMeasuredError
from rnnbench.analysis.claims.selection import difficulties, select, trained_at_one_width, with_values
from rnnbench.analysis.intervals import UNDEFINED, Interval, median_interval, paired_difference
from rnnbench.analysis.matched_comparisons import PARAMETERS, WIDTH
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict, below, holds_if

BLOCKS = {"gru": 3, "lstm": 4}
"""Gates and candidate: each has a matrix on the input, one on the state and a bias."""


def _of_one_width(results: Results) -> pd.DataFrame:
    runs = select(results, {"cell": ["gru", "lstm"]})
    of_gru, of_lstm = (set(runs[runs["cell"] == cell][WIDTH]) for cell in ("gru", "lstm"))
    widths = of_gru & of_lstm
    if not widths:
        raise NotMeasuredError("needs a GRU and an LSTM of one width")
    return select(results.of(runs), {WIDTH: max(widths)})


def _fewer_parameters(results: Results) -> Finding:
    runs = with_values(_of_one_width(results), PARAMETERS)
    counts = {str(cell): int(group[PARAMETERS].iloc[0]) for cell, group in runs.groupby("cell")}
    width, features = int(runs[WIDTH].iloc[0]), _input_size(runs)
    formula = {cell: blocks * width * (width + features + 1) for cell, blocks in BLOCKS.items()}
    evidence = {f"{cell}_counted": counts[cell] for cell in BLOCKS} | {
        f"{cell}_by_formula": formula[cell] for cell in BLOCKS
    }
    ratio = Interval(counts["gru"] / counts["lstm"])
    verdict = holds_if(counts == formula and counts["gru"] < counts["lstm"])
    return Finding(ratio, runs, (Case({WIDTH: width}, verdict, ratio, evidence),))


def _input_size(runs: pd.DataFrame) -> int:
    """The features that the runs' task gives to a step."""
    return int(with_values(runs, "pass_input_size")["pass_input_size"].iloc[0])


def _one_state(results: Results) -> Finding:
    runs = with_values(_of_one_width(results), "state_size")
    sizes = {str(cell): int(group["state_size"].iloc[0]) for cell, group in runs.groupby("cell")}
    width = int(runs[WIDTH].iloc[0])
    ratio = Interval(sizes["gru"] / sizes["lstm"])
    verdict = holds_if(sizes["gru"] == width and sizes["lstm"] == 2 * width)
    return Finding(ratio, runs, (Case({WIDTH: width}, verdict, ratio, sizes),))


def _faster(results: Results) -> Finding:
    timed = with_values(select(results, {"cell": "gru"}), "pass_lstm_fused_s")
    cases = []
    for implementation in ("fused", "torch_nn"):
        ratios = timed[f"pass_{implementation}_s"] / timed[f"pass_lstm_{implementation}_s"]
        ratio = median_interval(ratios.to_numpy())
        cases.append(Case({"compared": "pass_time", "implementation": implementation}, below_one(ratio, ratios), ratio))
    trained = trained_at_one_width(select(results, {"cell": ["gru", "lstm"]}))
    for length, group in difficulties(trained):
        cases.append(_fewer_steps({"compared": "steps_to_solve", **length}, group))
    return Finding(cases[0].value, pd.concat([timed, trained]), tuple(cases))


def below_one(ratio: Interval, values: "pd.Series[float]") -> Verdict:
    """That a ratio is below 1; with fewer runs than an interval takes, that all of them are on one side decides."""
    if not np.isnan(ratio.low):
        return below(ratio, 1)
    if (values < 1).all() or (values > 1).all():
        return holds_if(bool((values < 1).all()))
    return Verdict.UNDECIDED


def _fewer_steps(condition: dict[str, Any], runs: pd.DataFrame) -> Case:
    """That the GRU takes fewer steps than the LSTM, seed by seed; UNDECIDED where a run did not solve its task."""
    steps = {cell: runs[runs["cell"] == cell].set_index("seed")["steps_to_solve"] for cell in BLOCKS}
    evidence: dict[str, Any] = {
        f"solved_{cell}": Count(int(values.notna().sum()), len(values)) for cell, values in steps.items()
    }
    if any(values.empty for values in steps.values()) or runs["steps_to_solve"].isna().any():
        return Case(condition, Verdict.UNDECIDED, UNDEFINED, evidence)
    difference = paired_difference(steps["gru"], steps["lstm"])
    evidence |= {f"mean_steps_{cell}": float(values.mean()) for cell, values in steps.items()}
    if "training_time_s" in runs:
        seconds = runs.groupby("cell")["training_time_s"].mean()
        evidence |= {f"mean_seconds_{cell}": float(seconds[cell]) for cell in BLOCKS}
    return Case(condition, below(difference), difference, evidence)


FEWER_PARAMETERS = Claim(
    "fewer-parameters",
    "The GRU has fewer parameters than the LSTM: 3 blocks against 4.",
    "001, 003",
    "parameters of the recurrent layer at one width, counted on the model and by formula, blocks x H (H + inputs + 1)",
    "holds when both counts are those of the formula and the GRU's is smaller",
    "GRU's parameters over LSTM's",
    _fewer_parameters,
)
ONE_STATE = Claim(
    "one-state",
    "There is no separate cell state: one state vector instead of two.",
    "all",
    "numbers that one example carries from step to step, at one width",
    "holds when the GRU carries as many as it has units and the LSTM twice as many",
    "GRU's state over LSTM's",
    _one_state,
)
FASTER = Claim(
    "faster",
    "The GRU trains faster than the LSTM.",
    "001, 003",
    "time of a forward and backward pass at one width, GRU's over LSTM's, interleaved in one process: both compiled "
    "alike (fused), and the modules of torch.nn; training steps to solve (and seconds, with several runs at a time)",
    "a ratio holds below 1 (interval of the median over runs, or all of fewer than 5), steps where all runs "
    "solve the task and the interval of the paired difference is below 0",
    "GRU's time over LSTM's, fused",
    _faster,
    "what is compared",
)
