"""The run store: one folder per run, each file written atomically."""

import csv
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnbench.errors import one_line
from rnnbench.schema import RunFiles
from rnnbench.store import atomic
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.lock import locked
from rnnbench.store.reader import DIGESTS, digests, read_run

Scalars = Mapping[str, float | str]
Arrays = Mapping[str, "np.ndarray[Any, np.dtype[np.float64]]"]


def _save(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values; an error of the disk stays one, which torch covers with its own."""
    with atomic.replacing(path) as file:
        try:
            torch.save(dict(content), file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def _loaded(path: Path, content: bytes) -> dict[str, Any]:
    """What `_save` wrote: tensors and plain values, unlike a pickle, which could run code. Raises DamagedFileError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:  # torch.load does not check the bytes of its members
            if (member := archive.testzip()) is not None:
                raise ValueError(f"other bytes in {member}")
        return dict(torch.load(io.BytesIO(content), weights_only=True, map_location="cpu"))
    except Exception as error:  # torch, pickle and zipfile raise a dozen kinds
        raise DamagedFileError(path, f"cannot be read ({one_line(error).partition('. ')[0][:100]})") from None


class RunFolder:
    """The folder of one run, with the files of `rnnbench.schema.RunFiles`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = RunFiles(path)

    @property
    def name(self) -> str:
        return self.files.name

    def summary(self) -> dict[str, Any]:
        """The summary as written last; empty before. Raises DamagedFileError when a file of the run is damaged."""
        return read_run(self.files).summary if os.path.lexists(self.files.summary) else {}

    def lock(self) -> AbstractContextManager[bool]:
        """Lock the run for this process; yields False when another process has locked it."""
        self.files.lock.parent.mkdir(parents=True, exist_ok=True)
        return locked(self.files.lock)

    def start(self, config: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """Write the resolved configuration and the first summary, with the status `running`. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        atomic.remove_stale_temporaries(self.path, older_than_s=0)  # the run is locked, so nobody is writing
        atomic.write_json(self.files.config, config)
        atomic.write_json(self.files.summary, summary)

    def write_records(self, history: Sequence[Scalars], arrays: Mapping[str, Sequence[tuple[int, Arrays]]]) -> None:
        """Write the history and, per probe, its arrays stacked over the steps at which it measured."""
        table, columns = io.StringIO(), dict.fromkeys(name for row in history for name in row) or ["step"]
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if value != value else value for name, value in row.items()} for row in history)
        atomic.write_text(self.files.history, table.getvalue())
        for probe, measured in arrays.items():
            steps, values = zip(*measured, strict=True)
            stacked: dict[str, Any] = {name: np.stack([value[name] for value in values]) for name in values[0]}
            with atomic.replacing(self.files.arrays(probe)) as file:
                np.savez_compressed(file, step=np.array(steps), **stacked)

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write what a resumed run needs to reach the same numbers: tensors and plain Python values."""
        _save(self.files.checkpoint, state)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None. Raises DamagedFileError."""
        path = self.files.checkpoint
        return _loaded(path, atomic.read_bytes(path)) if path.exists() else None

    def save_weights(self, kept: Mapping[str, Any]) -> None:
        """Write the weights of the trained model: tensors and plain Python values."""
        _save(self.files.weights, kept)

    def load_weights(self) -> dict[str, Any]:
        """What `save_weights` wrote. Raises DamagedFileError when it is missing or, in any bit, anything else."""
        path = self.files.weights
        remedy = "train.keep_weights=true rerun=true trains the model again and keeps them"
        if not os.path.lexists(path):
            raise DamagedFileError(path, f"is missing: the run did not end, or kept no weights; {remedy}")
        content = atomic.read_bytes(path)
        if atomic.digest_of(content) != read_run(self.files).digests.get(path.name):
            raise DamagedFileError(path, f"is not as the run left it; {remedy}")
        return _loaded(path, content)

    def set_checkpoint_aside(self) -> Path:
        """Rename the checkpoint so that the run no longer resumes from it; returns the new path."""
        new = next(path for number in count(1) if not (path := self.files.checkpoint_set_aside(number)).exists())
        return self.files.checkpoint.replace(new)

    def drop_records(self) -> None:
        """Remove the measurements and weights of a run that starts again, and where its former copy on W&B is."""
        for path in (self.files.weights, self.files.wandb_address, *self.files.records()):
            path.unlink(missing_ok=True)

    def drop_checkpoint(self) -> None:
        """Delete the checkpoint."""
        self.files.checkpoint.unlink(missing_ok=True)

    def finish(self, summary: Mapping[str, Any], traceback: str | None = None) -> None:
        """Write the final summary. A failed run keeps its checkpoint, to be resumed from, and its traceback."""
        if traceback is None:
            self.files.traceback.unlink(missing_ok=True)
        else:
            atomic.write_text(self.files.traceback, traceback)
        atomic.write_json(self.files.summary, {**summary, DIGESTS: digests(self.files, summary)})
        if traceback is None:
            self.drop_checkpoint()
