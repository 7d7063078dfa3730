"""The provenance of a table or figure: a JSON file beside it."""

import json
from pathlib import Path
from typing import Any

import rnnbench
from rnnbench.analysis.results import Results
from rnnbench.report.incomplete import incomplete
from rnnbench.storage import write_text


def write_sidecar(path: Path, results: Results, kind: str, intervals: str) -> None:
    """Write `<path>.json`: runs, seeds, intervals, what is missing, and the code that trained and drew.

    Nothing in it changes unless the runs or the version of rnnbench do: no dates, no machine.
    """
    runs = results.runs
    content = {
        "kind": kind,
        "experiment": results.name,
        "runs": sorted(runs["run"]),
        "run_hashes": sorted({run.rpartition("-")[2] for run in runs["run"]}),
        "seeds": sorted(int(seed) for seed in runs["seed"].unique()),
        "intervals": intervals,
        "missing": incomplete(results),
        "trained_by": _distinct(results, "rnnbench_version", "git_commit", "git_dirty", "component_source"),
        "drawn_by": {"rnnbench_version": rnnbench.__version__},
    }
    write_text(path.with_suffix(".json"), json.dumps(content, indent=1) + "\n")


def _distinct(results: Results, *columns: str) -> dict[str, list[Any]]:
    runs = results.runs
    return {column: sorted(map(str, runs[column].dropna().unique())) for column in columns if column in runs}
