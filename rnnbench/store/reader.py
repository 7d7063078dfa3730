"""The one reader of run folders and launches, the launcher's and the report's: what it returns can be relied on."""

import csv
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from rnnbench.schema import MEASURED, JobStatus, RunFiles, Status, settings_hash
from rnnbench.store import atomic
from rnnbench.store.atomic import DamagedFileError

DIGESTS = "files"
"""The key of summary.json below which a run that has ended keeps the digests of its files. No column."""

Value = str | bool | int | float | None


class _Identity(BaseModel):
    """The columns that every summary has, by kind; the others are values of any kind."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, Value]

    run: str
    status: Status = Field(strict=False)
    task: str
    difficulty_setting: Value
    difficulty: Value
    cell: str
    seed: int
    backend: str


class StoredRun(NamedTuple):
    """A run as its folder has it."""

    summary: dict[str, Any]
    """Its columns."""
    config: dict[str, Any]
    """Its settings."""
    digests: Mapping[str, str]
    """Of its files, once it has ended."""


def read_run(files: RunFiles) -> StoredRun:
    """The run in a folder, after a check of every file that the run wrote but its weights, which may be large.

    Raises DamagedFileError when one is missing, cut or changed, was written by another version, or is another run's.
    """
    summary = atomic.read_json(files.summary, atomic.OBJECT)
    recorded = atomic.checked(files.summary, summary.pop(DIGESTS, {}), atomic.TEXT_BY_NAME)
    atomic.checked(files.summary, summary, IDENTITY_OF_RUN)
    if summary["run"] != files.name:
        raise DamagedFileError(files.summary, f"is of the run {summary['run']}, of which this folder is a copy")
    if recorded.pop(files.summary.name, None) not in (None, _digest_of_summary(summary, recorded)):
        raise DamagedFileError(files.summary, "is not as the run left it")
    config = atomic.read_json(files.config, atomic.OBJECT)
    if settings_hash(config) != files.name.rpartition("-")[2]:
        raise DamagedFileError(files.config, "holds other settings than those of the run")
    for path in {*files.records(), *(files.folder / Path(name).name for name in recorded)} - {files.weights}:
        if path.name in recorded and atomic.digest_of(atomic.read_bytes(path)) != recorded[path.name]:
            raise DamagedFileError(path, "is not as the run left it")
        if path == files.history:
            check_history(path)
        elif path.suffix == ".npz" and path.name not in recorded:
            atomic.read_arrays(path)
    if summary["status"] in MEASURED and not os.path.exists(files.history):
        raise DamagedFileError(files.history, "is missing")
    return StoredRun(summary, config, recorded)


def _digest_of_summary(columns: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    return atomic.digest_of(json.dumps([columns, digests], sort_keys=True).encode())


def check_history(path: Path) -> None:
    """Check that a history is whole lines with increasing steps. Raises DamagedFileError."""
    content = atomic.read_bytes(path)
    try:
        text = content.decode()
        header, *rows = csv.reader(io.StringIO(text), strict=True)
        steps = [int(row[header.index("step")]) for row in rows]
        whole = text.endswith("\n") and all(len(row) == len(header) == len(set(header)) for row in rows)
    except (ValueError, IndexError, csv.Error):
        whole, steps = False, []
    if not whole or steps != sorted(set(steps)):
        raise DamagedFileError(path, "is cut, or is not a history")


def digests(files: RunFiles, summary: Mapping[str, Any]) -> dict[str, str]:
    """The digests of a run's files by name; that of the summary is of its columns and the other digests."""
    others = [path for path in (files.config, files.weights, files.traceback) if os.path.exists(path)]
    found = {path.name: atomic.digest_of(atomic.read_bytes(path)) for path in (*others, *files.records())}
    return found | {files.summary.name: _digest_of_summary(summary, found)}


@dataclass(frozen=True)
class JobOutcome:
    """What became of a run."""

    overrides: list[str]
    """What sets the run apart from others of its launch, as `key=value`."""
    status: JobStatus
    run: str | None = None
    message: str = ""
    objective: float | None = None
    """The value that a sweeper is to make small or large, where one was asked for."""


@dataclass(frozen=True)
class PlannedJob:
    """A job of a launch, as known before anything was started."""

    overrides: tuple[str, ...]
    """Its settings as typed, `key=value`."""
    run: str | None = None
    """The run's name, where it is known."""
    status: JobStatus | None = None
    """Its outcome if that was known; None: it was passed to the launcher."""


PLAN, OUTCOME, IDENTITY_OF_RUN = TypeAdapter(list[PlannedJob]), TypeAdapter(JobOutcome), TypeAdapter(_Identity)


def read_plan(path: Path) -> list[PlannedJob]:
    """The jobs of a launch by number. Raises DamagedFileError."""
    return atomic.read_json(path, PLAN)


def read_outcome(path: Path) -> JobOutcome:
    """What became of a job. Raises DamagedFileError."""
    return atomic.read_json(path, OUTCOME)
