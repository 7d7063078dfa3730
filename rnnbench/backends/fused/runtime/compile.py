"""From source to machine code, kept on disk.

Numba caches compiled code beside the file that defines a function, so the source is written to a file named by its
content. The folder is named by all else that the machine code depends on: the version of Numba, the processor, and the
sources of the functions that the loops call. Two processes that compile the same cell at once write the same content,
and both the source and Numba's files are put in place whole by a rename.

Where no folder can be written to, a process compiles for itself alone, and tells so once.
"""

import errno
import hashlib
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite.binding
import numba
from numba.core.errors import NumbaError

from rnnbench.backends.fused.kernels import blocked_matmul
from rnnbench.backends.fused.kernels.jit import without_cache
from rnnbench.errors import one_line

CACHE_VARIABLE = "RNNBENCH_CACHE_DIR"

ROOM = 2**18
"""Bytes that a folder must take to be the cache: about a cell's compiled code."""


@dataclass(frozen=True)
class Loops:
    """The two compiled functions of a cell."""

    forward: Callable[..., None]
    backward: Callable[..., None]


@lru_cache(maxsize=256)
def compiled(source: str, real: str) -> Loops:
    """The functions of a generated source, compiled or read back from disk."""
    publish_matmul(real)
    module = _module(source)
    return Loops(module.forward, module.backward)


@cache
def publish_matmul(real: str) -> None:
    """Compile the matrix product that the loops of a type call."""
    blocked_matmul.publish(real, _module(blocked_matmul.source(real)).matmul.address)


def _module(source: str) -> ModuleType:
    """The module of a generated source, from a file of its own, or without a cache from memory."""
    name = f"loops_{hashlib.sha256(source.encode()).hexdigest()[:24]}"
    folder = cache_folder()
    if folder is None:
        return _in_memory(name, source)
    try:
        return _kept(name, folder / f"{name}.py", source)
    except OSError as error:  # full, or gone, since it was tried
        _tell_no_cache(OSError(error.errno, error.strerror, str(folder)))
        return _in_memory(name, source)


def _kept(name: str, path: Path, source: str) -> ModuleType:
    """The module from the cache's file, which is written first unless it is there."""
    if not path.exists() or path.read_bytes() != source.encode():
        _write_whole(path, source)
    try:
        return _imported(name, path)
    except (NumbaError, OSError):
        raise
    except Exception:  # whatever reading damaged files back may raise: compile anew
        for kept in (path.parent / "__pycache__").glob(f"{name}*"):
            kept.unlink(missing_ok=True)
        return _imported(name, path)


@cache
def cache_folder() -> Path | None:
    """The first of these that can be written to: $RNNBENCH_CACHE_DIR, the user's cache; None, with a line, for none."""
    configured = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    problem: OSError | None = None
    for place in filter(os.path.isabs, [*([os.path.abspath(configured)] if configured else []), f"{home}/rnnbench"]):
        try:
            return _usable(Path(place) / "fused" / _surroundings())
        except OSError as error:
            problem = problem or error
    # A folder of a fixed name in /tmp could be somebody else's, and what is read back from it is run.
    _tell_no_cache(problem or OSError("there is no home folder"))
    return None


def _tell_no_cache(error: OSError) -> None:
    if not _has_told:
        print(
            f"rnnbench: no cache for compiled cells ({one_line(error)}): each process compiles for itself; set "
            f"{CACHE_VARIABLE} to a folder that can be written to",
            file=sys.stderr,
        )
        _has_told.append(True)


_has_told: list[bool] = []


def _surroundings() -> str:
    """What the machine code depends on beside its own source."""
    texts = [numba.__version__, platform.python_version(), platform.machine()]
    texts += [llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()]
    texts += [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    return f"numba-{numba.__version__}-{hashlib.sha256('|'.join(texts).encode()).hexdigest()[:16]}"


def _usable(folder: Path) -> Path:
    """The folder, once something has been written to it: a full disk still makes empty files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        if file.write(bytes(ROOM)) < ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    return folder


def _write_whole(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        # Numba holds code to be stale when the file's time of change differs, which two processes must not see.
        os.utime(temporary, (0, 0))
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _imported(name: str, path: Path) -> ModuleType:
    """The module of a generated file; Numba finds it again by its name when it reads compiled code back."""
    specification: Any = importlib.util.spec_from_file_location(f"rnnbench_fused_{name}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def _in_memory(name: str, source: str) -> ModuleType:
    """The module of a generated source that is in no file."""
    module = ModuleType(f"rnnbench_fused_{name}")
    sys.modules[module.__name__] = module
    with without_cache():
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module
