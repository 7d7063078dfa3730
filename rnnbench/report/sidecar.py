"""The provenance of a table or figure: a JSON file alongside it; by it, what an earlier report wrote."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import rnnbench
from rnnbench.analysis.results import Results
from rnnbench.report.labels import incomplete
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import DamagedFileError, read_json_object, write_text

TRAINED_BY = ("rnnbench_version", "git_commit", "git_dirty", "component_source")


def write_sidecar(path: Path, results: Results, kind: str, intervals: str, suffixes: Sequence[str]) -> list[Path]:
    """Write `<path>.json`: files, runs, seeds, intervals, what is missing, and the code that trained and drew.

    Nothing in it changes unless the runs, the formats or the version of rnnbench do: no dates, no machine. Returns the
    table's or figure's files, those with the suffixes and this one.
    """
    runs = results.runs
    files = [path.with_suffix(f".{suffix}") for suffix in (*suffixes, "json")]
    content = {
        "kind": kind,
        "experiment": results.name,
        "files": [file.name for file in files],
        "runs": sorted(runs["run"]),
        "run_hashes": sorted({run.rpartition("-")[2] for run in runs["run"]}),
        "seeds": sorted(int(seed) for seed in runs["seed"].unique()),
        "intervals": intervals,
        "missing": incomplete(results),
        "trained_by": {name: sorted(map(str, runs[name].dropna().unique())) for name in TRAINED_BY if name in runs},
        "drawn_by": {"rnnbench_version": rnnbench.__version__},
    }
    write_text(files[-1], json.dumps(content, indent=1) + "\n")
    return files


def written_before(files: ExperimentFiles) -> set[Path]:
    """The tables and figures of an earlier report, as their sidecars name them."""
    found: set[Path] = set()
    for sidecar in (*files.folder.glob("*.json"), *files.figures.glob("*.json")):
        try:
            content = read_json_object(sidecar, {"kind": str, "files": list, "drawn_by": dict})
        except DamagedFileError:  # not a sidecar
            continue
        named = {sidecar.with_name(str(name)) for name in content["files"] if "/" not in str(name)}
        found |= {path for path in named if path.stem == sidecar.stem}
    return found - {files.runs_table, files.report}


def remove_earlier(before: Iterable[Path], made: Iterable[Path], failed: Iterable[str]) -> list[Path]:
    """Remove what an earlier report wrote and this one did not make; returns what was removed.

    Files of what could not be made now stay: they may be all that is left of it.
    """
    stale = set(before) - set(made)
    removed = sorted(path for path in stale if path.stem not in set(failed) and path.is_file())
    for path in removed:
        path.unlink(missing_ok=True)
    return removed
