"""An experiment condensed into a few small files, from which every table and figure can be made again.

They are the runs, histories, probes' arrays in single precision, jobs that left no run, run folders that could not be
read, and the version of this format with the digests of the others, where `rnnbench.schema.ExperimentFiles` says. They
are small enough for version control, and the same runs give the same bytes.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from rnnbench.errors import SettingError, one_line
from rnnbench.schema import (
    ARCHIVE_VERSION,
    DIFFICULTY,
    STORED_GROUP,
    ExperimentFiles,
    from_stored_text,
    is_setting,
    stored_text,
)
from rnnbench.store import atomic
from rnnbench.store.atomic import DamagedFileError

Arrays = dict[str, "np.ndarray[Any, Any]"]

TEXT = (
    "git_commit", "component_source", "weights_sha256", "backend", "backend_reason", "measure", "error", "command_line"
)  # fmt: skip
"""Columns of text that may look like numbers, as digests do."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every array in an archive, so that the same arrays give the same bytes."""

SAME_AS = "@"
"""Between the name of an array that is not written and of that with the same numbers."""

MOST_KEPT = 256
"""Arrays of so many runs stay in memory as they are: of those that a table asks for several times in a row."""

REMEDY = "restore it, or move runs.csv and data/ away to report on the run folders"


class Source(Protocol):
    """Where histories and arrays come from: run folders, the files condensed from them, or a table."""

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        """The histories of the runs, one row per recorded step, with a column `run`."""

    def probe(self, run: str, name: str) -> Arrays:
        """A probe's arrays for one run; empty when it did not measure."""

    def probes(self) -> list[str]:
        """The probes that stored arrays."""


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever is wrong with a condensed file becomes a DamagedFileError that names it and the remedy."""
    try:
        yield
    except DamagedFileError as error:
        raise DamagedFileError(error.path, f"{error.problem}; {REMEDY}") from None
    except Exception as error:  # pandas, numpy, gzip and zipfile raise a dozen kinds
        raise DamagedFileError(path, f"is cut, or is not what it should be ({one_line(error)}); {REMEDY}") from None


class Archive:
    """Histories and arrays of the condensed files, which stay in memory, compressed, once they were asked for."""

    def __init__(self, files: ExperimentFiles) -> None:
        self.files = files
        self._opened = cache(self._open)
        self._last_arrays = lru_cache(MOST_KEPT)(self._arrays)

    def histories(self, runs: Sequence[str]) -> pd.DataFrame:
        with _reading(self.files.histories):
            text = gzip.decompress(_as_written(self.files, self.files.histories))
            table = pd.read_csv(io.BytesIO(text), low_memory=False)
        return table[table["run"].isin(runs)]

    def probe(self, run: str, name: str) -> Arrays:
        return dict(self._last_arrays(run, name))

    def _arrays(self, run: str, name: str) -> Arrays:
        path = self.files.arrays(name)
        if not path.exists():
            return {}
        with _reading(path):
            arrays, members = self._opened(path)
            found = {member.partition("/")[2]: arrays[member] for member in members.get(run, [])}
        split = [(*name.partition(SAME_AS), array) for name, array in found.items()]
        return {name: found[other].reshape(array) if other else array for name, _, other, array in split}

    def _open(self, path: Path) -> tuple[Mapping[str, Any], dict[str, list[str]]]:
        """The arrays by `<run>/<name>`, and these names by run."""
        loaded = np.load(io.BytesIO(_as_written(self.files, path)), allow_pickle=False)
        members: dict[str, list[str]] = {}
        for member in loaded.files:
            members.setdefault(member.partition("/")[0], []).append(member)
        return loaded, members

    def probes(self) -> list[str]:
        return self.files.probes()


def _as_written(files: ExperimentFiles, path: Path) -> bytes:
    """A condensed file's bytes. Raises DamagedFileError where they are not those that its report wrote."""
    content = atomic.read_bytes(path)
    if atomic.read_json(files.schema, atomic.OBJECT).get(path.name) != atomic.digest_of(content):
        raise DamagedFileError(path, "is not as a report wrote it")
    return content


class Condensed(NamedTuple):
    """The condensed files but for histories and arrays."""

    runs: pd.DataFrame
    missing: list[str]
    """The jobs without a run."""
    damaged: dict[str, str]
    """What is wrong with each run folder that could not be read, by its name."""


def read_condensed(files: ExperimentFiles) -> Condensed:
    """What the condensed files hold.

    Raises SettingError when another version wrote them, and DamagedFileError, with the remedy, when one of them cannot
    be read or is not as a report wrote it.
    """
    with _reading(files.schema):
        version = atomic.read_json(files.schema, atomic.OBJECT).get("version")
    if version != ARCHIVE_VERSION:
        raise SettingError(
            f"name={files.folder.name}: {files.schema} is in format {version}, this rnnbench reads "
            f"{ARCHIVE_VERSION}; launch its runs again and move {files.data.name} and {files.runs_table.name} away, or "
            f"report with the version that wrote it (rnnbench_version in {files.runs_table.name})"
        )
    with _reading(files.runs_table):
        runs = _runs_of(_as_written(files, files.runs_table))
    with _reading(files.missing):
        missing = atomic.read_json(files.missing, atomic.TEXTS)
        damaged = atomic.read_json(files.damaged, atomic.TEXT_BY_NAME) if files.damaged.exists() else {}
    return Condensed(runs, missing, damaged)


def write_condensed(
    files: ExperimentFiles,
    runs: pd.DataFrame,
    source: Source,
    missing: list[str],
    damaged: dict[str, str],
    without_arrays: Collection[str] = (),
) -> None:
    """Write the condensed files, which take the places of the earlier ones together, once all of them are written.

    Of the runs `without_arrays` no arrays are kept. The runs come last, so that the others have whatever these name
    even after a kill in between.
    """
    files.data.mkdir(exist_ok=True)
    names = runs["run"].tolist()
    with_arrays = [name for name in names if name not in without_arrays]
    histories = source.histories(names)
    histories = histories[["run", *(column for column in histories if column != "run")]]
    schema: dict[str, Any] = {"version": ARCHIVE_VERSION}
    with atomic.replacing_together() as replace:
        for probe in source.probes():
            _write_arrays(written := replace(files.arrays(probe)), with_arrays, source, probe)
            schema[files.arrays(probe).name] = _digest_of_written(written)
        with gzip.GzipFile(files.histories.name, "wb", fileobj=(written := replace(files.histories)), mtime=0) as file:
            file.write(histories.to_csv(index=False).encode())
        schema[files.histories.name] = _digest_of_written(written)
        replace(files.missing).write(_json(missing, indent=2))
        if damaged:
            replace(files.damaged).write(_json(damaged, indent=2))
        table = _csv_of_runs(runs).encode()
        schema[files.runs_table.name] = atomic.digest_of(table)
        replace(files.schema).write(_json(schema))
        replace(files.runs_table).write(table)
    if not damaged:
        files.damaged.unlink(missing_ok=True)


def _json(content: Any, indent: int | None = None) -> bytes:
    return (json.dumps(content, indent=indent) + "\n").encode()


def _digest_of_written(file: IO[bytes]) -> str:
    file.flush()
    return atomic.digest_of(atomic.read_bytes(Path(file.name)))


def _write_arrays(file: IO[bytes], runs: Sequence[str], source: Source, probe: str) -> None:
    """One run at a time, so that many runs take no more memory than one.

    Of an array with the numbers of an earlier one of its run, such as the only tensor's of a state, only the shape is
    written, as `<name>@<the earlier one>`.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for run in runs:
            written: dict[str, bytes] = {}
            for name, array in source.probe(run, probe).items():
                values = _narrowed(array) if array.dtype == np.float64 else array
                content = values.dtype.str.encode() + values.tobytes()
                earlier = next((other for other, of in written.items() if of == content), None)
                written[name] = content
                if earlier is not None:
                    name, values = f"{name}{SAME_AS}{earlier}", np.array(values.shape)
                member = zipfile.ZipInfo(f"{run}/{name}.npy", EPOCH)
                member.compress_type = zipfile.ZIP_LZMA
                with archive.open(member, "w") as inside:
                    np.lib.format.write_array(inside, np.ascontiguousarray(values), allow_pickle=False)


def _narrowed(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The array in single precision, unless numbers of it would be too small or too large there."""
    size, limits = np.abs(array), np.finfo(np.float32)
    fits = (size == 0) | ((size >= limits.tiny) & (size <= limits.max)) | ~np.isfinite(size)
    return array.astype(np.float32) if fits.all() else array


def _csv_of_runs(runs: pd.DataFrame) -> str:
    """runs.csv: settings and difficulties as text that keeps their types, see `rnnbench.schema.stored_text`."""
    table = runs.copy()
    for column in filter(_is_typed, map(str, table)):
        if not pd.api.types.is_numeric_dtype(table[column]):
            values = table[column].astype(object).where(table[column].notna(), None)
            table[column] = [stored_text(value) for value in values]
    table[DIFFICULTY] = table[DIFFICULTY].where(runs[DIFFICULTY] != "", "")
    return table.to_csv(index=False)


def _runs_of(csv: bytes) -> pd.DataFrame:
    """The runs in a runs.csv with their values: an empty cell for nothing, and no other text for it."""
    typed = list(filter(_is_typed, map(str, pd.read_csv(io.BytesIO(csv), nrows=0))))
    text = dict.fromkeys([*STORED_GROUP, *typed, *TEXT], str)
    runs = pd.read_csv(io.BytesIO(csv), dtype=text, keep_default_na=False, na_values=[""], low_memory=False)
    runs[STORED_GROUP] = runs[STORED_GROUP].fillna("")
    return runs.assign(**{column: _typed(runs[column]) for column in typed})


def _is_typed(column: str) -> bool:
    return column == DIFFICULTY or is_setting(column)


def _typed(column: "pd.Series[str]") -> "pd.Series[Any]":
    """The values of a column that was written by `_csv_of_runs`; numbers in a column of numbers alone."""
    known = {text: from_stored_text(text) for text in column.fillna("").unique()}
    values = [known[text] for text in column.fillna("")]
    kinds = {type(value) for value in known.values()} - {type(None)}
    is_exact = None not in values or all(abs(value) <= 2**53 for value in known.values() if type(value) is int)
    is_uniform = is_exact and (len(kinds) == 1 or kinds <= {int, float})
    return pd.Series(values, column.index, dtype=(None if kinds else float) if is_uniform else object)
