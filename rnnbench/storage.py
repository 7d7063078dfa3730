"""Files that are written whole or not at all, and read with a check of what they hold.

A write goes to a temporary file beside the file, whose name says which process writes it, and takes the file's place
when it is on the disk. What a process that was killed left of that is removed by `remove_stale_temporaries`.

Whatever a file of the results holds that it should not becomes a DamagedFileError, which names the file and what is
wrong with it. Nothing that is read runs code.
"""

import hashlib
import io
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnbench.errors import SettingError, one_line

STALE_AFTER_S = 24 * 3600
"""The age from which on a temporary file counts as left behind, whoever wrote it."""

OF_OUR_FILES = re.compile(r"\..+\.(?:json|csv|gz|npz|pt|txt)\.(?:(?P<host>.+)-(?P<process>\d+)-)?[a-z0-9_]{8}")
"""Names of temporary files. Those without a process were written by version 0.1.0."""


class DamagedFileError(SettingError):
    """A file of the results that is not what it should be."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path, self.problem = path, problem

    def __reduce__(self) -> tuple[type["DamagedFileError"], tuple[Path, str]]:
        return DamagedFileError, (self.path, self.problem)

    @property
    def brief(self) -> str:
        """The file's name and the problem."""
        return f"{self.path.name} {self.problem}"


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
    written: list[tuple[Path, Path]] = []

    def replace(path: Path) -> IO[bytes]:
        prefix = f".{path.name}.{socket.gethostname()}-{os.getpid()}-"
        file = tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix, delete=False)  # noqa: SIM115
        written.append((Path(file.name), path))
        return stack.enter_context(file)

    try:
        with ExitStack() as stack:
            yield replace
        for temporary, _ in written:
            _onto_the_disk(temporary)
            temporary.chmod(0o644)
        for temporary, path in written:
            temporary.replace(path)
    except BaseException:
        for temporary, _ in written:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise


def _onto_the_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


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
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        raise DamagedFileError(path, "is cut, or is not JSON") from None


def _kind(content: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", type(None): "null"}
    return kinds.get(type(content), "a number")


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises DamagedFileError when it is missing, empty or cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedFileError(path, "is missing") from None
    except OSError as error:
        raise DamagedFileError(path, f"cannot be read ({error.strerror})") from None
    if not content:
        raise DamagedFileError(path, "is empty")
    return content


def read_arrays(path: Path) -> dict[str, "np.ndarray[Any, Any]"]:
    """The arrays of an npz file by name. Raises DamagedFileError; objects, which could run code, are refused."""
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # numpy and zipfile raise a dozen kinds
        raise DamagedFileError(path, f"is cut, or does not hold plain arrays ({one_line(error)})") from None


def digest(path: Path) -> str:
    """Sixteen hexadecimal digits from a file's bytes. Raises DamagedFileError when it cannot be read."""
    return hashlib.sha256(read_bytes(path)).hexdigest()[:16]


def remove_stale_temporaries(folder: Path) -> None:
    """Remove the temporary files in a folder whose writer is dead, or that are older than a day."""
    for path in folder.glob(".*"):
        if (match := OF_OUR_FILES.fullmatch(path.name)) and _is_stale(path, match["host"], match["process"]):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _is_stale(path: Path, host: str | None, process: str | None) -> bool:
    try:
        if time.time() - path.stat().st_mtime > STALE_AFTER_S:
            return True
    except OSError:  # somebody else has removed it
        return False
    return host == socket.gethostname() and process is not None and not _is_alive(int(process))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or not a number of a process
        pass
    return True
