"""Claims on what a cell is made of: true by construction, and checked by counting."""

import pandas as pd

from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.matched_comparisons import PARAMETERS, WIDTH
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import holds_if
from rnnbench.claims.claim import Case, Claim, Kind, NotMeasuredError
from rnnbench.claims.selection import select, with_values

BLOCKS = {"gru": 3, "lstm": 4}
"""Gates and candidate: each has a matrix on the input, one on the state and a bias."""


def _of_one_width(results: Results) -> pd.DataFrame:
    runs = select(results, {"cell": list(BLOCKS)})
    of_gru, of_lstm = (set(runs[runs["cell"] == cell][WIDTH]) for cell in BLOCKS)
    widths = of_gru & of_lstm
    if not widths:
        raise NotMeasuredError("needs a GRU and an LSTM of one width")
    return select(results.of(runs), {WIDTH: max(widths)})


def _fewer_parameters(results: Results) -> list[Case]:
    runs = with_values(_of_one_width(results), PARAMETERS)
    counts = {str(cell): int(group[PARAMETERS].iloc[0]) for cell, group in runs.groupby("cell")}
    width, features = int(runs[WIDTH].iloc[0]), _input_size(runs)
    formula = {cell: blocks * width * (width + features + 1) for cell, blocks in BLOCKS.items()}
    details = {f"{cell}_counted": counts[cell] for cell in BLOCKS} | {
        f"{cell}_by_formula": formula[cell] for cell in BLOCKS
    }
    ratio = Interval(counts["gru"] / counts["lstm"])
    verdict = holds_if(counts == formula and counts["gru"] < counts["lstm"])
    return [Case({WIDTH: width}, verdict, ratio, "GRU's parameters over LSTM's", details=details)]


def _input_size(runs: pd.DataFrame) -> int:
    """The features that the runs' task gives to a step."""
    return int(with_values(runs, "pass_input_size")["pass_input_size"].iloc[0])


def _one_state(results: Results) -> list[Case]:
    runs = with_values(_of_one_width(results), "state_size")
    sizes = {str(cell): int(group["state_size"].iloc[0]) for cell, group in runs.groupby("cell")}
    width = int(runs[WIDTH].iloc[0])
    ratio = Interval(sizes["gru"] / sizes["lstm"])
    verdict = holds_if(sizes["gru"] == width and sizes["lstm"] == 2 * width)
    return [Case({WIDTH: width}, verdict, ratio, "GRU's state over LSTM's", details=sizes)]


FEWER_PARAMETERS = Claim(
    "fewer-parameters",
    "The GRU has fewer parameters than the LSTM: 3 blocks against 4.",
    "001, 003",
    Kind.BY_CONSTRUCTION,
    "parameters of the recurrent layer at one width, counted on the model and by formula, blocks x H (H + inputs + 1)",
    "both counts are those of the formula, and the GRU's is smaller",
    _fewer_parameters,
)
ONE_STATE = Claim(
    "one-state",
    "There is no separate cell state: one state vector instead of two.",
    "all",
    Kind.BY_CONSTRUCTION,
    "numbers that one example carries from step to step, at one width",
    "the GRU carries as many as it has units, the LSTM twice as many",
    _one_state,
)
