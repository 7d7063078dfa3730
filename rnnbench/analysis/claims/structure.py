"""Claims on what a cell is made of and what that costs."""

import numpy as np
import pandas as pd

from rnnbench.analysis.claims.claim import (
    Claim,
    Finding,
    NotMeasuredError,
    above,
    in_words,
    measured,
    select,
    trained_at_one_width,
    verdict,
)
from rnnbench.analysis.equal_terms import PARAMETERS, WIDTH
from rnnbench.analysis.intervals import Interval, median_interval, paired_difference
from rnnbench.analysis.results import Results

BLOCKS = {"gru": 3, "lstm": 4}
"""Gates and candidate: each has a matrix on the input, one on the state and a bias."""


def _of_one_width(results: Results) -> pd.DataFrame:
    runs = select(results, cell=["gru", "lstm"])
    of_gru, of_lstm = (set(runs[runs["cell"] == cell][WIDTH]) for cell in ("gru", "lstm"))
    widths = of_gru & of_lstm
    if not widths:
        raise NotMeasuredError("needs a GRU and an LSTM of one width")
    return select(results.of(runs), **{WIDTH.replace(".", "__"): max(widths)})


def _fewer_parameters(results: Results) -> Finding:
    runs = measured(_of_one_width(results), PARAMETERS)
    counts = {str(cell): int(group[PARAMETERS].iloc[0]) for cell, group in runs.groupby("cell")}
    width, features = int(runs[WIDTH].iloc[0]), _input_size(runs)
    formula = {cell: blocks * width * (width + features + 1) for cell, blocks in BLOCKS.items()}
    details = [f"{cell}: {counts[cell]} counted, {formula[cell]} by formula" for cell in BLOCKS]
    holds = counts == formula and counts["gru"] < counts["lstm"]
    return Finding(Interval(counts["gru"] / counts["lstm"]), runs, "holds" if holds else "fails", details)


def _input_size(runs: pd.DataFrame) -> int:
    """The features that the runs' task gives to a step."""
    return int(measured(runs, "pass_input_size")["pass_input_size"].iloc[0])


def _one_state(results: Results) -> Finding:
    runs = measured(_of_one_width(results), "state_size")
    sizes = {str(cell): int(group["state_size"].iloc[0]) for cell, group in runs.groupby("cell")}
    width = int(runs[WIDTH].iloc[0])
    holds = sizes["gru"] == width and sizes["lstm"] == 2 * width
    details = [f"{width} units: GRU carries {sizes['gru']} numbers, LSTM {sizes['lstm']}"]
    return Finding(Interval(sizes["gru"] / sizes["lstm"]), runs, "holds" if holds else "fails", details)


def _faster(results: Results) -> Finding:
    timed = measured(select(results, cell="gru"), "pass_lstm_fused_s")
    cases: dict[str, bool | None] = {}
    ratios = {
        "on the same kind of kernel (fused)": timed["pass_fused_s"] / timed["pass_lstm_fused_s"],
        "as shipped in torch.nn": timed["pass_torch_nn_s"] / timed["pass_lstm_torch_nn_s"],
    }
    details = []
    for case, values in ratios.items():
        ratio = median_interval(values.to_numpy())
        cases[case] = below_one(ratio, values)
        details.append(f"{case}: {in_words(ratio)}")
    trained = trained_at_one_width(select(results, cell=["gru", "lstm"]))
    for setting, group in trained.groupby("task_setting", sort=False):
        fewer, words = _fewer_steps(group)
        cases[f"steps to solve {setting}"] = fewer
        details.append(f"steps to solve {setting}: {words}")
    first = median_interval(next(iter(ratios.values())).to_numpy())
    return Finding(first, pd.concat([timed, trained]), verdict(cases, "what is timed"), details)


def below_one(ratio: Interval, values: "pd.Series[float]") -> bool | None:
    """Whether a ratio is below 1; with fewer runs than an interval takes, whether all of them are on one side."""
    if not np.isnan(ratio.low):
        return None if above(ratio, 1) is None else not above(ratio, 1)
    return bool((values < 1).all()) if (values < 1).all() or (values > 1).all() else None


def _fewer_steps(runs: pd.DataFrame) -> tuple[bool | None, str]:
    """Whether the GRU takes fewer steps than the LSTM, seed by seed; None where a run did not solve or it is open."""
    steps = {str(cell): group.set_index("seed")["steps_to_solve"] for cell, group in runs.groupby("cell")}
    solved = ", ".join(f"{cell} {values.notna().sum()}/{len(values)}" for cell, values in steps.items())
    if set(steps) != {"gru", "lstm"} or runs["steps_to_solve"].isna().any():
        return None, f"solved {solved}"
    difference = paired_difference(steps["gru"], steps["lstm"])
    more = above(difference)
    seconds = runs.groupby("cell")["training_time_s"].mean() if "training_time_s" in runs else None
    words = " against ".join(
        f"{steps[cell].mean():.4g}" + (f" in {seconds[cell]:.3g} s" if seconds is not None else "") for cell in BLOCKS
    )
    return None if more is None else not more, f"GRU against LSTM {words} on average, difference {in_words(difference)}"


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
    "time of a forward and backward pass at one width, GRU's over LSTM's, in turns in one process: both compiled alike "
    "(fused), and as torch.nn ships them; training steps to solve (and the seconds they took, several runs at a time)",
    "a ratio holds below 1 (interval of the median over runs, or all of fewer than 5), steps where all runs "
    "solve it and the interval of the paired difference is below 0",
    "GRU's time over LSTM's, fused",
    _faster,
)
