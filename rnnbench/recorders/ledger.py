"""The ledger: one folder per run, written whole or not at all."""

import hashlib
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

CONFIG, SUMMARY, HISTORY, CHECKPOINT, TRACEBACK = (
    "config.json", "summary.json", "history.csv", "checkpoint.pt", "traceback.txt",
)  # fmt: skip


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits from the settings that can change a result."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


class RunFolder:
    """The folder of one run: `config.json`, `summary.json`, `history.csv`, one .npz per probe, a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def status(self) -> str | None:
        """running, done, diverged, failed, or None before the first write."""
        return self.summary().get("status")

    def summary(self) -> dict[str, Any]:
        """The summary as written last; empty before."""
        try:
            return dict(json.loads((self.path / SUMMARY).read_text()))
        except FileNotFoundError:
            return {}

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the run for this process; yields False when another process has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.parent / f".{self.name}.lock", timeout=0)
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
        """Write the resolved configuration and the status `running`."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._write(CONFIG, _json(config))
        self._write(SUMMARY, _json(summary))

    def write_records(self, history: Sequence[Scalars], arrays: Mapping[str, Sequence[tuple[int, Arrays]]]) -> None:
        """Write the history and, per probe, its arrays stacked over the steps at which it measured."""
        table = pd.DataFrame(list(history), columns=None if history else ["step"])
        self._write(HISTORY, table.to_csv(index=False).encode())
        for probe, measured in arrays.items():
            steps, values = zip(*measured, strict=True)
            stacked: dict[str, Any] = {name: np.stack([value[name] for value in values]) for name in values[0]}
            with self._replacing(f"{probe}.npz") as file:
                np.savez_compressed(file, step=np.array(steps), **stacked)

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write what a resumed run needs to go on to the same numbers."""
        with self._replacing(CHECKPOINT) as file:
            torch.save(dict(state), file)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None."""
        path = self.path / CHECKPOINT
        if not path.exists():
            return None
        return dict(torch.load(path, weights_only=False, map_location="cpu"))

    def drop_checkpoint(self) -> None:
        """Forget how far the run had come."""
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def finish(self, summary: Mapping[str, Any], traceback: str | None = None) -> None:
        """Write the final summary. A failed run keeps its checkpoint, to be taken up again, and its traceback."""
        if traceback is None:
            (self.path / TRACEBACK).unlink(missing_ok=True)
        else:
            self._write(TRACEBACK, traceback.encode())
        self._write(SUMMARY, _json(summary))
        if traceback is None:
            self.drop_checkpoint()

    def _write(self, name: str, content: bytes) -> None:
        with self._replacing(name) as file:
            file.write(content)

    @contextmanager
    def _replacing(self, name: str) -> Iterator[IO[bytes]]:
        """A file that takes its place only once it is whole."""
        with tempfile.NamedTemporaryFile(dir=self.path, prefix=f".{name}.", delete=False) as file:
            try:
                yield file
            except BaseException:
                os.unlink(file.name)
                raise
            file.flush()
            os.fsync(file.fileno())
        os.chmod(file.name, 0o644)
        os.replace(file.name, self.path / name)


class Ledger:
    """The run folders of one experiment: `<results_dir>/<name>/runs/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, cell: str, task: str, seed: int, settings: Mapping[str, Any]) -> RunFolder:
        """The folder that a run with these settings has, whether or not it exists."""
        return RunFolder(self.root / "runs" / f"{cell}-{task}-{seed}-{settings_hash(settings)}")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
