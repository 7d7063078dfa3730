"""What keeps an experiment from being complete, for the notes below its tables and figures."""

from rnnbench.analysis.results import Results
from rnnbench.errors import printable
from rnnbench.schema import Status

LONGEST = 2000
"""Letters of a line."""


def incomplete(results: Results) -> list[str]:
    """One printable line per missing, damaged, unfinished, failed or diverged run."""
    lines = [f"missing: {overrides}" for overrides in results.missing]
    in_runs = set(results.runs["run"])
    for name, problem in results.damaged.items():
        used = "its row of runs.csv is used" if name in in_runs else "left out"
        lines.append(f"damaged: {name}: {problem} ({used})")
    lines += [f"damaged: {name}: {problem}" for name, problem in results.archive_warnings.items()]
    for row in results.runs[results.runs["status"] != Status.DONE].to_dict("records"):
        at = f" at step {row['diverged_at_step']:.0f}" if row["status"] == Status.DIVERGED else ""
        lines.append(f"{row['status']}{at}: {row['run']}")
    return [printable(line, LONGEST) for line in lines]
