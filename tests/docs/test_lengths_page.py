"""The tables of docs/lengths.md are those of the committed results, recomputed from their CSV files with pandas."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "lengths.md").read_text()


def losses(task: str) -> list[str]:
    """A row per cell, a column per length: the median over seeds and, in brackets, the lowest and highest of them."""
    rows = pd.read_csv(ROOT / "results" / "length_generalisation" / "other_lengths.csv")
    rows = rows[rows["task"] == task].sort_values("length", kind="stable")
    lengths = rows.drop_duplicates("length").itertuples()
    lines = ["| cell | " + " | ".join(f"{row.length}{' (trained)' * row.is_trained}" for row in lengths) + " |"]
    for cell, of_cell in rows.groupby("cell", sort=False):
        shown = [f"{row.loss:.2g} [{row.loss_low:.2g}, {row.loss_high:.2g}]" for row in of_cell.itertuples()]
        lines.append(f"| `{cell}` | {' | '.join(shown)} |")
    return lines


def tracking(is_trained: bool) -> list[str]:
    """A row per cell, a column per task: accuracy at the trained lengths, or at the longest."""
    rows = pd.read_csv(ROOT / "results" / "state_tracking" / "other_lengths.csv")
    rows["name"] = rows["variant"].str.removeprefix("task.group=").fillna(rows["task"])
    rows = rows[rows["is_trained"]] if is_trained else rows[rows["length"].isin([160, 400])]
    names = list(dict.fromkeys(rows["name"]))
    lines = [f"| cell | {' | '.join(name.replace('_', ' ') for name in names)} |"]
    for cell, of_cell in rows.set_index("name").groupby("cell", sort=False):
        shown = [f"{row.measured:.2f} [{row.measured_low:.2f}, {row.measured_high:.2f}]"
                 for row in of_cell.loc[names].itertuples()]  # fmt: skip
        lines.append(f"| `{cell}` | {' | '.join(shown)} |")
    return lines


@pytest.mark.parametrize("lines", [losses("adding"), losses("copy_memory"), tracking(True), tracking(False)])
def test_table_of_the_page(lines: list[str]) -> None:
    assert set(lines) <= set(PAGE.splitlines())
