"""From source to machine code, kept on disk.

Numba caches compiled code next to the file that defines a function, so the source is written to a file named by its
content. The folder is named by all else that the machine code depends on: the version of Numba, the processor, and the
sources of the functions that the loops call. Two processes that compile the same cell at once write the same content,
and both the source and Numba's files are put in place whole by a rename. Where that folder cannot be written to, a
process compiles for itself alone, and says so once.
"""

import hashlib
import os
import platform
import sys
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

import llvmlite.binding
import numba
from numba.core.errors import NumbaError

from rnnbench.backends.fused.kernels import matmul
from rnnbench.errors import one_line
from rnnbench.store.atomic import replacing

CACHE_VARIABLE = "RNNBENCH_CACHE_DIR"


@lru_cache(maxsize=256)
def compiled(source: str, real: str) -> ModuleType:
    """The module of a generated source, its `forward` and `backward` compiled or read back from disk."""
    publish_matmul(real)
    return _module(source)


@cache
def publish_matmul(real: str) -> None:
    """Compile the matrix product that the loops of a type call."""
    matmul.publish(real, _module(matmul.source(real)).matmul.address)


def is_kept(source: str) -> bool:
    """Whether the machine code of a generated source is on disk."""
    path = _file(source)
    return any((path.parent / "__pycache__").glob(f"{path.stem}*.nbi"))


def _file(source: str) -> Path:
    return cache_folder() / f"loops_{hashlib.sha256(source.encode()).hexdigest()[:24]}.py"


def _module(source: str) -> ModuleType:
    """The module of a generated source, from a file of its own, or where none can be written from memory."""
    path = _file(source)
    name = path.stem
    try:
        if not path.exists() or path.read_bytes() != source.encode():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write(source.encode())
                file.flush()
                # Numba holds code to be stale when the file's time of change differs, which two processes must not see.
                os.utime(file.name, (0, 0))
        return _executed(name, source, str(path))
    except NumbaError:
        raise
    except OSError as error:
        _report_no_cache(one_line(error))
    except Exception:  # whatever reading damaged files back may raise: compile anew
        for damaged in (path.parent / "__pycache__").glob(f"{name}*"):
            damaged.unlink(missing_ok=True)
        return _executed(name, source, str(path))
    return _executed(name, source, f"<{name}>")


def _executed(name: str, source: str, file: str) -> ModuleType:
    """The module; Numba finds it again by its name when it reads compiled code back."""
    module = ModuleType(f"rnnbench_fused_{name}")
    sys.modules[module.__name__] = module
    exec(compile(source, file, "exec"), module.__dict__)
    return module


def cache_folder() -> Path:
    """Where compiled cells are kept: in $RNNBENCH_CACHE_DIR, else in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get(CACHE_VARIABLE) or f"{home}/rnnbench").absolute() / "fused" / _surroundings()


@cache
def _report_no_cache(problem: str) -> None:
    text = (
        f"no cache for compiled cells ({problem}): each process compiles for itself; set {CACHE_VARIABLE} to a folder"
    )
    print(f"rnnbench: {text} that can be written to", file=sys.stderr)


@cache
def _surroundings() -> str:
    """What the machine code depends on besides its own source."""
    texts = [numba.__version__, platform.python_version(), platform.machine()]
    texts += [llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()]
    kernels = Path(__file__).parents[1] / "kernels"
    texts += [path.read_text(encoding="utf-8") for path in sorted(kernels.glob("*.py"))]
    return f"numba-{numba.__version__}-{hashlib.sha256('|'.join(texts).encode()).hexdigest()[:16]}"
