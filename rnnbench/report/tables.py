"""The comparison in words: for the terminal, Markdown and LaTeX."""

import math
from typing import Any

import pandas as pd
from tabulate import tabulate

HEADINGS = {
    "task": "task",
    "cell": "cell",
    "setting": "setting",
    "runs": "runs",
    "solved": "solved",
    "steps": "steps to solve",
    "loss": "test loss",
    "trivial_score": "trivial",
    "step_time": "ms/step",
    "backend": "backend",
    "parameters": "parameters",
    "half_life": "gradient half-life (steps): initial, trained",
}


def in_words(comparison: pd.DataFrame) -> pd.DataFrame:
    """One readable row per row of the comparison; intervals in brackets are 95% over seeds."""
    rows = [_row(row) for row in comparison.to_dict("records")]
    table = pd.DataFrame(rows).rename(columns=HEADINGS)
    return table.drop(columns=[column for column in ("setting",) if (table[column] == "").all()])


def markdown(comparison: pd.DataFrame) -> str:
    """A GitHub table."""
    return _tabulated(comparison, "github")


def latex(comparison: pd.DataFrame) -> str:
    """A booktabs table."""
    words = in_words(comparison).replace("_", r"\\_", regex=True)
    return words.to_latex(index=False, escape=False).replace("∞", r"$\infty$").replace("–", "--")


def plain(comparison: pd.DataFrame) -> str:
    """A table for the terminal."""
    return _tabulated(comparison, "simple")


def _tabulated(comparison: pd.DataFrame, layout: str) -> str:
    words = in_words(comparison)
    headers = [str(name) for name in words]
    return tabulate(words.to_numpy().tolist(), headers=headers, tablefmt=layout, disable_numparse=True)


def _row(row: dict[Any, Any]) -> dict[str, str]:
    return {
        "task": f"{row['task']}, {row['task_setting']}".rstrip(", "),
        "cell": row["cell"],
        "setting": row["setting"],
        "runs": _runs(row),
        "solved": f"{round(row['solved_share'] * row['runs'])}/{row['runs']} {_bounds(row, 'solved_share')}".strip()
        if row["runs"]
        else "–",
        "steps": _interval(row, "steps_to_solve"),
        "loss": _interval(row, "test_loss"),
        "trivial_score": _number(row["trivial_score"]),
        "step_time": _interval({key: _scaled(value, 1e3) for key, value in row.items()}, "step_time_s"),
        "backend": row["backend"],
        "parameters": f"{row['parameters']:,.0f}" if isinstance(row["parameters"], float | int) else row["parameters"],
        "half_life": f"{_number(row['gradient_half_life_initial'])}, {_number(row['gradient_half_life'])}",
    }


def _runs(row: dict[Any, Any]) -> str:
    marks = [f"{row[kind]} {kind}" for kind in ("diverged", "failed", "unfinished") if row[kind]]
    return f"{row['runs']} ({', '.join(marks)})" if marks else str(row["runs"])


def _interval(row: dict[Any, Any], name: str) -> str:
    return f"{_number(row[name])} {_bounds(row, name)}".strip()


def _bounds(row: dict[Any, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if math.isnan(low) or math.isnan(high) else f"[{_number(low)}, {_number(high)}]"


def _number(value: Any) -> str:
    """Three significant digits; – for nothing, ∞ for more than was measured."""
    if not isinstance(value, float | int) or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _scaled(value: Any, factor: float) -> Any:
    return value * factor if isinstance(value, float) else value
