"""Claims that are true by construction, checked on the code: what the gates do, and what a cell is made of."""

import numpy as np
import pandas as pd

from rnnbench.analysis.cell_pairs import PARAMETERS, WIDTH
from rnnbench.analysis.intervals import Interval
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import holds_if
from rnnbench.claims.claim import Case, Claim
from rnnbench.claims.selection import select, with_values
from rnnbench.errors import SettingError

COPIES_AT = {"gru": 0.0, "gru_goodfellow": 1.0}
"""The update gate's value at which each form copies its state, by the notes: the newer form's gate is the fraction of
the new state that is taken, gru_goodfellow's the fraction of the old one that is kept."""
FORMS = list(COPIES_AT)
BLOCKS = {"gru": 3, "lstm": 4}
"""Gates and candidate: each has a matrix on the input, one on the state and a bias."""
ROUNDING = 1e-6


def _convex(results: Results) -> list[Case]:
    runs = with_values(select(results, {"cell": FORMS}), "largest_h_random_weights")
    random = float(runs["largest_h_random_weights"].max())
    histories = results.source.histories(runs["run"].tolist())
    training = float(histories["largest_h"].max()) if "largest_h" in histories else float("nan")
    largest = Interval(float(np.nanmax([random, training])))
    details = {"random_weights": random, "while_training": training}
    return [Case({}, holds_if(largest.estimate <= 1 + ROUNDING), largest, "largest |h|", details=details)]


def _update_one(results: Results) -> list[Case]:
    runs = with_values(select(results, {"cell": FORMS}), "update_gate_copy_value")
    cases = []
    for cell, group in runs.groupby("cell", sort=False):
        copies, kept = (float(group[f"update_gate_{name}"].max()) for name in ("copy_error", "leakage"))
        at, error = group["update_gate_copy_value"], max(copies, kept)
        details = {"copies_at": float(at.iloc[0]), "copy_error": copies, "kept_at_the_other_value": kept}
        verdict = holds_if(error <= ROUNDING and bool((at == COPIES_AT[str(cell)]).all()))
        cases.append(Case({"cell": str(cell)}, verdict, Interval(error), "larger of both errors", details=details))
    return cases


def _reset_ignores(results: Results) -> list[Case]:
    runs = with_values(select(results, {"cell": FORMS}), "reset_gate_state_effect")
    cases = []
    for cell, group in runs.groupby("cell", sort=False):
        at_0 = float(group["reset_gate_state_effect"].max())
        details = {"at_least_at_1": float(group["reset_gate_state_effect_opposite"].min())}
        verdict = holds_if(at_0 <= ROUNDING and bool((group["reset_gate_ignore_value"] == 0).all()))
        cases.append(Case({"cell": str(cell)}, verdict, Interval(at_0), "difference of states", details=details))
    return cases


def _of_one_width(results: Results, column: str) -> tuple[pd.DataFrame, int, dict[str, int]]:
    """The runs of the largest width of both cells, that width, and the column's value of each cell."""
    runs = select(results, {"cell": list(BLOCKS)})
    of_gru, of_lstm = (set(runs[runs["cell"] == cell][WIDTH]) for cell in BLOCKS)
    if not of_gru & of_lstm:
        raise SettingError("needs a GRU and an LSTM of one width")
    runs = with_values(select(results.of(runs), {WIDTH: max(of_gru & of_lstm)}), column)
    values = {str(cell): int(group[column].iloc[0]) for cell, group in runs.groupby("cell")}
    return runs, int(runs[WIDTH].iloc[0]), values


def _fewer_parameters(results: Results) -> list[Case]:
    runs, width, counts = _of_one_width(results, PARAMETERS)
    features = int(with_values(runs, "pass_input_size")["pass_input_size"].iloc[0])
    formula = {cell: blocks * width * (width + features + 1) for cell, blocks in BLOCKS.items()}
    details = {f"{cell}_counted": counts[cell] for cell in BLOCKS}
    details |= {f"{cell}_by_formula": formula[cell] for cell in BLOCKS}
    verdict = holds_if(counts == formula and counts["gru"] < counts["lstm"])
    ratio = Interval(counts["gru"] / counts["lstm"])
    return [Case({WIDTH: width}, verdict, ratio, "GRU's parameters over LSTM's", details=details)]


def _one_state(results: Results) -> list[Case]:
    _, width, sizes = _of_one_width(results, "state_size")
    verdict = holds_if(sizes == {"gru": width, "lstm": 2 * width})
    return [
        Case({WIDTH: width}, verdict, Interval(sizes["gru"] / sizes["lstm"]), "GRU's state over LSTM's", details=sizes)
    ]


FEWER_PARAMETERS = Claim(
    "fewer-parameters",
    "The GRU has fewer parameters than the LSTM: 3 blocks against 4.",
    "001, 003",
    "parameters of the recurrent layer at one width, counted on the model and by formula, blocks x H (H + inputs + 1)",
    "both counts are those of the formula, and the GRU's is smaller",
    _fewer_parameters,
    by_construction=True,
)
ONE_STATE = Claim(
    "one-state",
    "There is no separate cell state: one state vector instead of two.",
    "all",
    "numbers that one example carries from step to step, at one width",
    "the GRU carries as many as it has units, the LSTM twice as many",
    _one_state,
    by_construction=True,
)
CONVEX = Claim(
    "convex",
    "The state is a convex combination of the old state and a bounded candidate, so it stays bounded.",
    "000, 004",
    "largest |h| of any unit: over 100 steps with weights drawn from N(0, s²), s from 0.1 to 100, and on the probe "
    "batch while training",
    "at most 1, to rounding",
    _convex,
    by_construction=True,
)
UPDATE_ONE = Claim(
    "update-one",
    "Update gate 1 keeps nothing of the old state, gate 0 copies it; in 004 the other way round.",
    "002, 004",
    "update gate held at 0 and 1: |h' - h| where it copies, fraction of h kept at the other value",
    "for each form both are 0 to rounding, and the values are those of its notes",
    _update_one,
    by_construction=True,
)
RESET_IGNORES = Claim(
    "reset-ignores",
    "Reset gate 0 makes the candidate ignore the past.",
    "002, 004",
    "reset gate held at 0 and 1, update gate all new: difference between the next states from two old states",
    "for each form the difference is 0 to rounding at 0",
    _reset_ignores,
    by_construction=True,
)
