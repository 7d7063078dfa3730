"""Files that are written whole or not at all, and read with a check of what they hold.

A write goes to a temporary file alongside the file and takes the file's place when it is on the disk. It has the
permissions that the umask leaves. What a process that was killed left of that is removed by `remove_stale_temporaries`.

Whatever a file of the results holds that it should not becomes a DamagedFileError, which names the file and what is
wrong with it. Nothing that is read runs code.
"""

import hashlib
import io
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnbench.errors import SettingError, one_line, printable

STALE_AFTER_S = 24 * 3600
"""The age from which on what another process may still need counts as left behind."""

WRITTEN_WITHIN_S = 3600
"""The age from which on a temporary file counts as left behind: a write takes seconds."""

TEMPORARY_SUFFIX = ".part"

DEEPEST_JSON = 32
"""Levels of lists and objects in a JSON file; those that are written have fewer than ten."""


class DamagedFileError(SettingError):
    """A file of the results that is not what it should be."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, printable(problem)
        super().__init__(f"{printable(str(path))}: {self.problem}")

    def __reduce__(self) -> tuple[type["DamagedFileError"], tuple[Path, str]]:
        return DamagedFileError, (self.path, self.problem)

    @property
    def brief(self) -> str:
        """The file's name and the problem."""
        return f"{printable(self.path.name)} {self.problem}"


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends, and leaves nothing when it raises."""
    with replacing_together() as replace, replace(path) as file:
        yield file


@contextmanager
def replacing_together() -> Iterator[Callable[[Path], IO[bytes]]]:
    """Files that take their places when the block ends, in the order in which they were asked for.

    They do so once all of them are on the disk; when the block or a write raises, none does.
    """
    started: list[Path] = []
    written: list[tuple[Path, Path]] = []

    def replace(path: Path) -> IO[bytes]:
        started.append(path)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        file = stack.enter_context(temporary.open("xb"))
        written.append((temporary, path))
        return file

    try:
        with ExitStack() as stack:
            yield replace
        for temporary, _ in written:
            _onto_the_disk(temporary)
        for temporary, path in written:
            if path.is_dir():
                set_aside(path)
            temporary.replace(path)
    except BaseException as error:
        for temporary, _ in written:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and started:
            raise OSError(error.errno, error.strerror, str(started[-1])) from None  # a full disk names no file
        raise


def _onto_the_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def set_aside(path: Path) -> Path:
    """Rename what is in a file's place and is none, such as a folder; returns the new path."""
    names = (path.with_name(f"{path.name}.set-aside-{number}") for number in count(1))
    return path.rename(next(name for name in names if not name.exists()))


def remove(path: Path) -> None:
    """Remove a file, if it is there; a folder in its place is set aside."""
    if path.is_dir() and not path.is_symlink():
        set_aside(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write an object or a list as JSON."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def read_json_object(path: Path, required: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The object in a JSON file. Raises DamagedFileError unless it is one, with the required keys and types."""
    content = _read_json(path)
    if not isinstance(content, dict):
        raise DamagedFileError(path, f"holds {_kind(content)} where an object belongs")
    if lacking := [key for key in required if key not in content]:
        raise DamagedFileError(path, f"has no {', '.join(lacking)}, so another version of rnnbench wrote it")
    for key, kind in required.items():
        if not isinstance(content[key], kind):
            raise DamagedFileError(path, f"has {_kind(content[key])} as {key}")
    return content


def read_json_list(path: Path) -> list[Any]:
    """The list in a JSON file. Raises DamagedFileError unless it is one."""
    content = _read_json(path)
    if not isinstance(content, list):
        raise DamagedFileError(path, f"holds {_kind(content)} where a list belongs")
    return content


def _read_json(path: Path) -> Any:
    content = read_bytes(path)
    try:
        parsed = json.loads(content.decode())
        json.dumps(parsed, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError, MemoryError):
        raise DamagedFileError(path, "is cut, or is not JSON") from None
    if _is_deeper_than(parsed, DEEPEST_JSON):
        raise DamagedFileError(path, f"is nested more than {DEEPEST_JSON} levels deep")
    return parsed


def _is_deeper_than(content: Any, levels: int) -> bool:
    level = [content]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _kind(content: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", type(None): "null"}
    return kinds.get(type(content), "a number")


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises DamagedFileError when it is missing, empty, no plain file or cannot be read.

    What is no plain file is refused unopened, since opening a pipe waits for its other end.
    """
    try:
        if not stat.S_ISREG(mode := path.stat().st_mode):
            raise DamagedFileError(path, "is a folder" if stat.S_ISDIR(mode) else "is no plain file")
        content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedFileError(path, "is missing") from None
    except (OSError, MemoryError) as error:
        raise DamagedFileError(path, f"cannot be read ({one_line(error)})") from None
    if not content:
        raise DamagedFileError(path, "is empty")
    return content


def read_arrays(path: Path) -> dict[str, "np.ndarray[Any, Any]"]:
    """The arrays of numbers in an npz file by name. Raises DamagedFileError; objects could run code and are refused."""
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            arrays = dict(loaded)
        if not all(isinstance(array, np.ndarray) and array.dtype.kind in "biuf" for array in arrays.values()):
            raise ValueError("other things than numbers")
        return arrays
    except Exception as error:  # numpy and zipfile raise a dozen kinds
        raise DamagedFileError(path, f"is cut, or does not hold plain arrays ({one_line(error)})") from None


def digest(path: Path) -> str:
    """Sixteen hexadecimal digits from a file's bytes. Raises DamagedFileError when it cannot be read."""
    return digest_of(read_bytes(path))


def digest_of(content: bytes) -> str:
    """Sixteen hexadecimal digits from bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def remove_stale_temporaries(folder: Path, older_than_s: float = WRITTEN_WITHIN_S) -> None:
    """Remove the temporary files in a folder that are older than that."""
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime >= older_than_s:
                path.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Whether there is a process with that number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or not a number of a process
        pass
    return True
