"""The tables of docs/lengths.md are those of the committed results, recomputed from their CSV files with pandas."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "lengths.md").read_text()


def table(experiment: str, task: str, column: str) -> list[str]:
    """A row per cell, a column per length: the median over seeds and, in brackets, the lowest and highest of them."""
    rows = pd.read_csv(ROOT / "results" / experiment / "other_lengths.csv", keep_default_na=False)
    rows = rows[rows["task"] == task]
    lengths = rows.drop_duplicates("length").sort_values("length")
    titles = [f"{row.length}{' (trained)' if row.is_trained else ''}" for row in lengths.itertuples()]
    lines = [f"| cell | {' | '.join(titles)} |"]
    for cell, of_cell in rows.groupby("cell", sort=False):
        values = of_cell.sort_values("length")
        shown = [f"{row[column]:.2g} [{row[f'{column}_low']:.2g}, {row[f'{column}_high']:.2g}]"
                 for _, row in values.iterrows()]  # fmt: skip
        lines.append(f"| `{cell}` | {' | '.join(shown)} |")
    return lines


@pytest.mark.parametrize("task", ["adding", "copy_memory"])
def test_table_of_the_page(task: str) -> None:
    assert set(table("length_generalisation", task, "loss")) <= set(PAGE.splitlines())
