"""Files that are written whole or not at all, and read with a check of what they hold.

A write goes to a temporary file alongside, which takes the file's place when it is on the disk. A file that does not
hold what it should is a DamagedFileError, which names it and what is wrong. Nothing that is read runs code.
"""

import hashlib
import io
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from rnnbench.errors import SettingError, one_line, printable

WRITTEN_WITHIN_S = 3600
"""The age from which on a temporary file counts as left behind: a write takes seconds."""

TEMPORARY_SUFFIX = ".part"

Kind = TypeVar("Kind")
OBJECT, TEXTS, TEXT_BY_NAME = TypeAdapter(dict[str, Any]), TypeAdapter(list[str]), TypeAdapter(dict[str, str])
"""What a JSON file may hold."""


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
    with replacing_together() as replace:
        yield replace(path)


@contextmanager
def replacing_together() -> Iterator[Callable[[Path], IO[bytes]]]:
    """Files that take their places when the block ends, in the order in which they were asked for.

    They do so once all of them are on the disk; when the block or a write raises, none does.
    """
    temporaries: dict[Path, Path] = {}

    def replace(path: Path) -> IO[bytes]:
        temporaries[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        return stack.enter_context(temporaries[path].open("xb"))

    try:
        with ExitStack() as stack:
            yield replace
        for temporary in temporaries.values():
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        for path, temporary in temporaries.items():
            temporary.replace(path)
    except BaseException as error:
        for temporary in temporaries.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and temporaries:
            raise OSError(error.errno, error.strerror, str([*temporaries][-1])) from None  # a full disk names no file
        raise


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write an object or a list as JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path, kind: TypeAdapter[Kind]) -> Kind:
    """The content of a JSON file. Raises DamagedFileError unless it is JSON, and of this kind."""
    content = read_bytes(path)
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        raise DamagedFileError(path, "is cut, or is not JSON") from None
    return checked(path, parsed, kind)


def checked(path: Path, content: Any, kind: TypeAdapter[Kind]) -> Kind:
    """What was read from a file, or is a part of that. Raises DamagedFileError unless it is of this kind."""
    try:
        return kind.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedFileError(path, f"is not as it was written ({where}: {first['msg']})") from None


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises DamagedFileError when it is missing, empty or cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({one_line(error)})"
        raise DamagedFileError(path, problem) from None
    if not content:
        raise DamagedFileError(path, "is empty")
    return content


def read_arrays(path: Path) -> dict[str, "np.ndarray[Any, Any]"]:
    """The arrays in an npz file by name. Raises DamagedFileError; objects, which could run code, are refused."""
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            return dict(loaded)
    except Exception as error:  # numpy and zipfile raise a dozen kinds
        raise DamagedFileError(path, f"is cut, or does not hold plain arrays ({one_line(error)})") from None


def digest_of(content: bytes) -> str:
    """Sixteen hexadecimal digits from bytes."""
    return hashlib.sha256(content).hexdigest()[:16]


def remove_stale_temporaries(folder: Path, older_than_s: float = WRITTEN_WITHIN_S) -> None:
    """Remove the temporary files in a folder that are older than that."""
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime >= older_than_s:
                path.unlink(missing_ok=True)
