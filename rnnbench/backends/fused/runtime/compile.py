"""From source to machine code, kept on disk.

Numba caches compiled code beside the file that defines a function, so the source is written to a file named by its
content. The folder is named by all else that the machine code depends on: the version of Numba, the processor, and the
sources of the functions that the loops call. Two processes that compile the same cell at once write the same content,
and both the source and Numba's files are put in place whole by a rename.
"""

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

CACHE_VARIABLE = "RNNBENCH_CACHE_DIR"


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
    """The module of a generated source, from a file of its own."""
    name = f"loops_{hashlib.sha256(source.encode()).hexdigest()[:24]}"
    path = cache_folder() / f"{name}.py"
    if not path.exists() or path.read_text() != source:
        _write_whole(path, source)
    try:
        return _imported(name, path)
    except NumbaError:
        raise
    except Exception:  # whatever reading damaged files back may raise: compile anew
        for kept in (path.parent / "__pycache__").glob(f"{name}*"):
            kept.unlink(missing_ok=True)
        return _imported(name, path)


@cache
def cache_folder() -> Path:
    """The first folder of these that can be written to: $RNNBENCH_CACHE_DIR, the user's cache, a temporary one."""
    configured = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for place in [configured, os.path.join(home, "rnnbench")]:
        if place and _is_usable(folder := Path(place) / "fused" / _surroundings()):
            return folder
    # A folder of a fixed name in /tmp could be somebody else's, and what is read back from it is run.
    return Path(tempfile.mkdtemp(prefix="rnnbench-fused-"))


def _surroundings() -> str:
    """What the machine code depends on beside its own source."""
    texts = [numba.__version__, platform.python_version(), platform.machine()]
    texts += [llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()]
    texts += [path.read_text() for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    return f"numba-{numba.__version__}-{hashlib.sha256('|'.join(texts).encode()).hexdigest()[:16]}"


def _is_usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _write_whole(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    # Numba holds code to be stale when the file's time of change differs, which two processes must not see.
    os.utime(temporary, (0, 0))
    os.replace(temporary, path)


def _imported(name: str, path: Path) -> ModuleType:
    """The module of a generated file; Numba finds it again by its name when it reads compiled code back."""
    specification: Any = importlib.util.spec_from_file_location(f"rnnbench_fused_{name}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module
