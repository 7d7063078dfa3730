"""The run store: one folder per run, each file written atomically."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout

from rnnbench.recorders.recorder import Arrays, Scalars
from rnnbench.schema import ExperimentFiles, RunFiles, Status, run_name


class RunFolder:
    """The folder of one run, with the files of `rnnbench.schema.RunFiles`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = RunFiles(path)

    @property
    def name(self) -> str:
        return self.files.name

    @property
    def status(self) -> Status | None:
        """The run's status, or None before the first write."""
        status = self.summary().get("status")
        return None if status is None else Status(status)

    def summary(self) -> dict[str, Any]:
        """The summary as written last; empty before."""
        try:
            return dict(json.loads(self.files.summary.read_text()))
        except FileNotFoundError:
            return {}

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Lock the run for this process; yields False when another process has locked it."""
        path = self.files.lock
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def start(self, config: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """Write the resolved configuration and the first summary, with the status `running`."""
        self.path.mkdir(parents=True, exist_ok=True)
        _write_json(self.files.config, config)
        _write_json(self.files.summary, summary)

    def write_records(self, history: Sequence[Scalars], arrays: Mapping[str, Sequence[tuple[int, Arrays]]]) -> None:
        """Write the history and, per probe, its arrays stacked over the steps at which it measured."""
        table = pd.DataFrame(list(history), columns=None if history else ["step"])
        with _replacing(self.files.history) as file:
            file.write(table.to_csv(index=False).encode())
        for probe, measured in arrays.items():
            steps, values = zip(*measured, strict=True)
            stacked: dict[str, Any] = {name: np.stack([value[name] for value in values]) for name in values[0]}
            with _replacing(self.files.arrays(probe)) as file:
                np.savez_compressed(file, step=np.array(steps), **stacked)

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write what a resumed run needs to reach the same numbers."""
        with _replacing(self.files.checkpoint) as file:
            torch.save(dict(state), file)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None."""
        if not self.files.checkpoint.exists():
            return None
        return dict(torch.load(self.files.checkpoint, weights_only=False, map_location="cpu"))

    def drop_checkpoint(self) -> None:
        """Delete the checkpoint."""
        self.files.checkpoint.unlink(missing_ok=True)

    def finish(self, summary: Mapping[str, Any], traceback: str | None = None) -> None:
        """Write the final summary. A failed run keeps its checkpoint, to be resumed from, and its traceback."""
        if traceback is None:
            self.files.traceback.unlink(missing_ok=True)
        else:
            with _replacing(self.files.traceback) as file:
                file.write(traceback.encode())
        _write_json(self.files.summary, summary)
        if traceback is None:
            self.drop_checkpoint()


class RunStore:
    """The run folders of one experiment, below `<results_dir>/<name>/`."""

    def __init__(self, root: Path) -> None:
        self.files = ExperimentFiles(root)

    def folder(self, cell: str, task: str, seed: int, settings: Mapping[str, Any]) -> RunFolder:
        """The folder of a run with these settings, whether or not it exists."""
        return RunFolder(self.files.run(run_name(cell, task, seed, settings)).folder)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with _replacing(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file, renamed to the path when it is complete."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
        except BaseException:
            os.unlink(file.name)
            raise
        file.flush()
        os.fsync(file.fileno())
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
