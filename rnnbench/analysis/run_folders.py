"""The results of an experiment as its run folders hold them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.schema import IDENTITY

NUMBERS = ("diverged_at_step", "steps_to_solve", "test_loss", "steps_trained")
"""Columns of numbers that are empty where a run has none, and there even if no run has one."""


@dataclass(frozen=True)
class RunFolders:
    """Histories and arrays of the folders below `root`/runs."""

    root: Path

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        frames = [
            pd.read_csv(path).assign(run=run)
            for run in runs
            if (path := self.root / "runs" / run / "history.csv").exists()
        ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["step", "run"])

    def probe(self, run: str, name: str) -> dict[str, "np.ndarray[Any, Any]"]:
        path = self.root / "runs" / run / f"{name}.npz"
        if not path.exists():
            return {}
        with np.load(path) as arrays:
            return dict(arrays)

    def probes(self) -> list[str]:
        return sorted({path.stem for path in self.root.glob("runs/*/*.npz")})


def has_run_folders(root: Path) -> bool:
    """Whether any run has begun to write its results below the experiment's folder."""
    return next(root.glob("runs/*/summary.json"), None) is not None


def read_run_folders(root: Path) -> Results:
    """The results of the run folders below `<results_dir>/<name>/`, of which there must be one."""
    folders = sorted(path.parent for path in root.glob("runs/*/summary.json"))
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in folders]
    settings = [_flat(json.loads((folder / "config.json").read_text())) for folder in folders]
    runs = pd.DataFrame(summaries)
    for column in NUMBERS:
        runs[column] = pd.to_numeric(runs[column]) if column in runs else np.nan
    runs["solved"] = [summary.get("solved") is True for summary in summaries]
    table = pd.concat([runs, pd.DataFrame(settings).drop(columns="seed")], axis=1)
    others = [column for column in table.columns if column not in IDENTITY]
    table = table[[*IDENTITY, *others]].drop(columns=["state_names", "error"], errors="ignore")
    return Results(root.name, root, sorted_runs(table), RunFolders(root), _missing(root))


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key; lists as text, import paths left out but for the optimizer's."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key != "_target_" or prefix == "optimizer.":
            flat[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return flat


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
