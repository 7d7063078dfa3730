"""What the page says was found: on data for which a sentence is true, false and undecidable."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.comparison import comparison
from rnnbench.analysis.intervals import UNDEFINED, Interval
from rnnbench.analysis.variant import Variant
from rnnbench.claims.table import Claims
from rnnbench.report.sentences import (
    decades_lost,
    milestones_reached,
    pair_compared,
    signs,
)
from rnnbench.report.tables.gradient_decay import GradientDecay
from rnnbench.report.tables.paired_differences import PairedDifferences
from rnnbench.report.tables.steps_ratio import StepsRatio
from tests.report.tiny import made, tiny


def solving(**steps: list[float]) -> Any:
    """Results of cells whose runs solve it in so many steps, inf: in none of the 200."""
    results = made(len(steps), seeds=max(map(len, steps.values())))
    runs = results.runs
    for cell, values in steps.items():
        of_cell = (runs["cell"] == cell).to_numpy()
        runs.loc[of_cell, "steps_to_solve"] = [value if np.isfinite(value) else np.nan for value in values]
    return results


def test_steps_are_said_with_the_runs_behind_them() -> None:
    never = np.inf
    results = solving(rnn=[never] * 5, lstm=[150, 120, 130, 180, never], gru=[80, 90, 100, 110, 120])
    assert milestones_reached(comparison(results), "solved") == [
        "GRU solves adding (length 10) in 100 steps (median; 5 of 5 runs), LSTM in 150 steps (4 of 5 runs); "
        "RNN in no run of 200 steps."
    ]
    few = solving(rnn=[never] * 5, lstm=[150, 120, never, never, never], gru=[never] * 5)
    assert milestones_reached(comparison(few), "solved") == [
        "LSTM solves adding (length 10) in 2 of 5 runs of 200 steps; RNN and GRU in no run of 200 steps."
    ]
    none = solving(rnn=[never] * 3, lstm=[never] * 3)
    assert milestones_reached(comparison(none), "solved") == [
        "No run of 200 steps solves adding (length 10): RNN and LSTM."
    ]
    (losses,) = milestones_reached(comparison(made(2, tasks=("music",))), "solved")
    assert losses.startswith("Test loss on music (file10): RNN 3.29 [")
    assert "constant" not in losses  # the task has none
    best = milestones_reached(comparison(made(3, rates=(0.01, 0.02, 0.04))), "solved")[0]
    assert best.endswith("of 9 cells and settings the best of each cell, chosen by these runs.")


def test_few_seeds_are_said_to_decide_nothing() -> None:
    rows = StepsRatio().rows(made(3, lengths=(10, 20), seeds=3))
    found = StepsRatio().found(rows)
    assert all("So few seeds decide nothing in the" in sentence for sentence in found)
    assert len(found) == 2


def test_a_sign_is_said_where_it_is_told() -> None:
    """Above, below, undecided; infinite, with nothing known of one run, and decided only before Holm's correction."""
    words = ("above in", "below in", "undecided in")
    spread = np.array([0.9, 1.0, 1.1])
    assert signs("It", {"A": spread, "B": -spread, "C": [-1, 0.2, 1.1], "D": [np.nan] * 3}, words) == [
        "It: above in A 1 [0.752, 1.25]; below in B -1 [-1.25, -0.752]; undecided in C 0.100 [-2.52, 2.72] "
        "(means over seeds, 95%, Holm's correction for 3 tests)."
    ]
    (infinite,) = signs("It", {"A": [-np.inf] * 6}, words)
    assert infinite.startswith("It: below in A -∞")
    barely = [0.1, 1.0, 1.0]
    assert "above in A" in signs("It", {"A": [0.5, 1.0, 1.0]}, words)[0]
    assert "undecided in A" in signs("It", {"A": [0.5, 1.0, 1.0], "B": barely}, words)[0]
    assert signs("It", {"A": [1.0], "B": []}, words) == []
    many = signs("It", {str(place): spread for place in range(9)} | {"B": [-1, 0.2, 1.1]}, words)
    assert many == ["It: above in 9, undecided in 1 of 10 cells and settings, by Holm's correction."]


PAIR = {
    "task": "adding", "difficulty_setting": "length", "difficulty": 10, "cell": "rnn", "variant": Variant(),
    "other_cell": "lstm", "other_variant": Variant(), "p_holm": 0.01,
}  # fmt: skip


@pytest.mark.parametrize(("smaller", "equivalent", "said"), [
    ("holds", "differs by more", "the loss of RNN is smaller than that of LSTM, by more than a factor of 2: 0.100 "),
    ("fails", "differs", "the loss of RNN is larger than that of LSTM, within a factor of 2 or beyond is not known"),
    ("fails", "equivalent", "the losses of RNN and LSTM are equivalent, within a factor of 2, and that of RNN is"),
    ("undecided", "not seen", "no difference between the losses of RNN and LSTM is seen: 0.100 times ["),
    ("undecided", "not measured", "no difference between the losses of RNN and LSTM is seen (p ="),
    ("holds", "not measured", "the loss of RNN is smaller than that of LSTM (p ="),
])  # fmt: skip
def test_losses_are_compared_by_their_verdict(smaller: str, equivalent: str, said: str) -> None:
    row = {**PAIR, "difference": Interval(-1, -1.2, -0.8), "smaller_loss": smaller, "equivalent": equivalent}
    assert pair_compared(row, "losses", 2, 3).startswith(f"On adding (length 10), {said}")


def test_a_ratio_with_one_bound_is_said_as_a_bound() -> None:
    row = {**PAIR, "why_no_ratio": "", "fewer_steps": "fails", "equivalent": "differs by more"}
    assert ": more than 2.90 times as many (" in pair_compared(
        {**row, "ratio": Interval(np.inf, 2.9, np.inf)}, "steps", 1.5, 3
    )
    assert ": less than 0.300 times as many (" in pair_compared({**row, "ratio": Interval(0, 0, 0.3)}, "steps", 1.5, 3)
    none = {**row, "ratio": UNDEFINED, "why_no_ratio": "it differs by length", "fewer_steps": "undecided"}
    assert "the steps of RNN and LSTM differ" in pair_compared({**none, "equivalent": "differs"}, "steps", 1.5, 3)


def test_tables_say_what_they_show_and_what_they_cannot() -> None:
    (gradient,) = GradientDecay().found(GradientDecay().rows(tiny()))
    assert gradient.endswith(
        "on adding (length 20), medians: RNN 4.50, LSTM 0.900 and GRU -1.80 (it grows where negative)."
    )
    adding = {"task": "adding", "difficulty_setting": "length", "difficulty": 10}
    gain = ("model.recurrent_gain", 2.0)
    biased = [(cell, (gain, ("model.memory_bias", bias))) for bias in (0.0, None) for cell in ("lstm", "gru")]
    rows = [{**adding, "cell": cell, "variant": Variant(own)} for cell, own in [*biased, ("rnn", (gain,))]]
    together, apart = decades_lost(pd.DataFrame(rows), lambda row: row["cell"])
    assert together.endswith("with gain=2, medians: LSTM lstm, GRU gru and RNN rnn.")
    assert apart.endswith("with gain=2, memory bias=0, medians: LSTM lstm and GRU gru.")
    many = PairedDifferences().rows(made(5, seeds=8))
    (counts,) = PairedDifferences().found(many)
    assert counts.startswith(f"Of {len(many)} comparisons of losses, ")
    stopped = pd.DataFrame([{**PAIR, "why_not_compared": "trained 100 to 200 steps"}])
    assert PairedDifferences().found(stopped) == []
    assert PairedDifferences().says_nothing(stopped) == "no losses are compared: trained 100 to 200 steps"
    rows = pd.DataFrame({"claim": ["a", "a", "b"], "claim_verdict": ["depends (1 holds, 1 fails)"] * 2 + ["holds"]})
    assert Claims().found(rows) == ["Verdicts on 2 claims of the study notes: depends (1) and holds (1)."]
