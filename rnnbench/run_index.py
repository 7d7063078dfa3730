"""The index of an experiment's runs: what their folders held when they were last read, in one file.

An entry stands for a folder only while each file of the folder has the size and the times that it had then; otherwise
the folder is read. So the index is never trusted over the folders, and without one, or with a damaged one, the same
results take longer. Only runs that have ended and are undamaged have an entry.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnbench import __version__
from rnnbench.schema import ENDED, ExperimentFiles, RunFiles
from rnnbench.storage import DamagedFileError, read_bytes, replacing
from rnnbench.stored_run import StoredRun, read_run

FORMAT = f"rnnbench {__version__} index 1"
"""The first word of the file; entries of another version are not used."""

SETTLED_AFTER_NS = 2_000_000_000
"""Within one tick of the file system's clock a file may be written twice, so times tell nothing for a while."""

Signature = list[list[Any]]
"""Name, size and times of each file in a folder."""


class RunIndex:
    """The runs of one experiment, from the index where it holds and else from their folders."""

    def __init__(self, files: ExperimentFiles) -> None:
        self.files = files
        self._entries = _entries(files.index)
        self._changed = False

    def run(self, name: str) -> StoredRun | None:
        """The run of that name, None when it has not begun. Raises DamagedFileError."""
        files = self.files.run(name)
        signature = _signature(files.folder)
        known = self._entries.get(name)
        if known is not None:
            if signature is not None and known["signature"] == signature:
                return StoredRun(known["summary"], known["config"])
            del self._entries[name]
            self._changed = True
        if signature is None or not files.summary.exists():
            return None
        return self._read(files, signature)

    def runs(self) -> Iterator[tuple[RunFiles, StoredRun | DamagedFileError]]:
        """All runs that have a folder with files, by name, or what is wrong with the folder."""
        begun = self.files.begun_runs()
        for files in begun:
            try:
                stored = self.run(files.name) or read_run(files)
            except DamagedFileError as error:
                yield files, error
            else:
                yield files, stored
        for name in self._entries.keys() - {files.name for files in begun}:
            del self._entries[name]
            self._changed = True

    def save(self) -> None:
        """Write the index if it has changed. One that cannot be written is left out, since it only saves time."""
        if not self._changed:
            return
        content = json.dumps(self._entries).encode()
        try:
            with replacing(self.files.index) as file:
                file.write(f"{FORMAT} {hashlib.sha256(content).hexdigest()}\n".encode() + content)
        except OSError:
            return
        self._changed = False

    def _read(self, files: RunFiles, signature: Signature) -> StoredRun:
        stored = read_run(files)
        settled = max(max(times) for _, _, *times in signature) < time.time_ns() - SETTLED_AFTER_NS
        if settled and stored.summary["status"] in ENDED and _signature(files.folder) == signature:
            self._entries[files.name] = {
                "signature": signature, "summary": stored.summary, "config": stored.config,
            }  # fmt: skip
            self._changed = True
        return stored


def _signature(folder: Path) -> Signature | None:
    """The files of a run folder that are not hidden; None where there are none."""
    try:
        with os.scandir(folder) as entries:
            files = [(each.name, each.stat()) for each in entries if not each.name.startswith(".") and each.is_file()]
    except OSError:
        return None
    return sorted([name, found.st_size, found.st_mtime_ns, found.st_ctime_ns] for name, found in files) or None


def _entries(path: Path) -> dict[str, Any]:
    """The entries of an index; none when it is absent, damaged or of another version."""
    try:
        head, _, content = read_bytes(path).partition(b"\n")
    except DamagedFileError:
        return {}
    if head.decode(errors="replace") != f"{FORMAT} {hashlib.sha256(content).hexdigest()}":
        return {}
    entries: dict[str, Any] = json.loads(content)
    return entries
