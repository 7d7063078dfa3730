"""The results of one experiment, read from its run folders."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

GROUP = ["task", "task_setting", "cell", "setting"]
"""What distinguishes the runs that are repetitions of each other from others."""

IDENTITY = ["run", "status", *GROUP, "seed"]

FINISHED = ("done", "diverged", "failed")


@dataclass(frozen=True)
class Results:
    """Everything that an experiment's folder holds.

    `runs` has one row per run, its columns described in results/README.md. `missing` holds, for each job that was
    launched and left no run, the words it was launched with.
    """

    name: str
    root: Path
    runs: pd.DataFrame
    missing: list[str] = field(default_factory=list)

    def histories(self) -> pd.DataFrame:
        """All histories, one row per recorded step, with the run's identity."""
        frames = [
            pd.read_csv(path).assign(**{str(key): value for key, value in row.items()})
            for row in self.runs[IDENTITY].to_dict("records")
            if (path := self.root / "runs" / row["run"] / "history.csv").exists()
        ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["step", *IDENTITY])

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        """A probe's arrays for one run, each with the probed steps first, and `step`; empty when it did not measure."""
        path = self.root / "runs" / run / f"{name}.npz"
        if not path.exists():
            return {}
        with np.load(path) as arrays:
            return dict(arrays)

    def incomplete(self) -> list[str]:
        """One line per thing that keeps the grid from being whole: missing, unfinished, failed and diverged runs."""
        lines = [f"missing: {words}" for words in self.missing]
        for row in self.runs[self.runs["status"] != "done"].to_dict("records"):
            at = f" at step {row['diverged_at_step']:.0f}" if row["status"] == "diverged" else ""
            lines.append(f"{row['status']}{at}: {row['run']}")
        return lines


def load_results(root: Path) -> Results:
    """Read the run folders below `<results_dir>/<name>/`. Raises ValueError when there are none."""
    folders = sorted(path.parent for path in root.glob("runs/*/summary.json"))
    if not folders:
        raise ValueError(f"name={root.name}: no runs in {root / 'runs'}; launch some with `rnnbench name={root.name}`")
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in folders]
    settings = [_flat(json.loads((folder / "config.json").read_text())) for folder in folders]
    runs = pd.DataFrame(summaries)
    for column in ("diverged_at_step", "steps_to_solve", "test_loss", "steps_trained"):
        runs[column] = pd.to_numeric(runs[column]) if column in runs else np.nan
    runs["solved"] = [summary.get("solved") is True for summary in summaries]
    runs["task_setting"] = [_task_setting(*pair) for pair in zip(summaries, settings, strict=True)]
    runs["setting"] = _varying(runs, settings)
    table = pd.concat([runs, pd.DataFrame(settings).drop(columns="seed")], axis=1)
    others = [column for column in table.columns if column not in IDENTITY]
    table = table[[*IDENTITY, *others]].drop(columns=["state_names", "error"], errors="ignore")
    return Results(root.name, root, table.sort_values([*GROUP, "seed"], ignore_index=True), _missing(root))


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key; lists as text, import paths left out."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key != "_target_" or prefix == "optimizer.":
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return flat


def _task_setting(summary: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """The task's difficulty in words: `length 100`."""
    key = summary["difficulty"]
    return f"{key} {settings[f'task.{key}']}" if f"task.{key}" in settings else ""


def _varying(runs: pd.DataFrame, settings: list[dict[str, Any]]) -> list[str]:
    """For each run the settings that differ among the runs of its cell and task: `lr=0.01`; else empty."""
    table = pd.DataFrame(settings)
    ignored = {"seed", *(f"task.{key}" for key in runs["difficulty"].unique())}
    labels: dict[Any, str] = {}
    for _, rows in runs.groupby(["cell", "task"]):
        part = table.loc[rows.index]
        varying = [key for key in part.columns if key not in ignored and part[key].nunique(dropna=False) > 1]
        if varying:
            labels |= {index: _words(row) for index, row in part[varying].to_dict("index").items()}
    return [labels.get(index, "") for index in runs.index]


def _words(settings: Mapping[Any, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in settings.items())


def _missing(root: Path) -> list[str]:
    """The jobs that a launch planned and that no launch has an outcome for."""
    planned: dict[str, None] = {}
    seen: set[str] = set()
    for plan in sorted(root.glob("launches/*/plan.json")):
        planned |= dict.fromkeys(_job_words(overrides) for overrides in json.loads(plan.read_text()))
        outcomes = (json.loads(path.read_text()) for path in plan.parent.glob("job-*.json"))
        seen |= {_job_words(outcome["overrides"]) for outcome in outcomes}
    return [words for words in planned if words not in seen]


def _job_words(overrides: Iterable[str]) -> str:
    """A job's overrides, without those that do not change what is run."""
    passing = ("name=", "experiment=", "results_dir=", "wandb", "rerun=", "hydra")
    return " ".join(override for override in overrides if not override.startswith(passing))
