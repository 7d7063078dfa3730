"""What wrote a checkpoint, and the digests of code and weights.

A run resumes only from a checkpoint of the same code, versions, settings and processor: from any other it would come to
numbers that no code gives from start to end.
"""

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import rnnbench
from rnnbench.machine import processor

FORMAT = 2
"""Raise it when the meaning of anything in a checkpoint changes."""

TRAINING_CODE = ("training", "model", "backends", "cells", "probes", "tasks")
"""The packages of rnnbench whose code the numbers of a run come from."""


def writer(run: str, components: Iterable[type], device: torch.device) -> dict[str, str]:
    """What writes the checkpoints of a run of this name and with these classes; all the same when one is read."""
    classes = {base for component in components for base in component.__mro__}
    of_a_file = sorted((each for each in classes if hasattr(sys.modules[each.__module__], "__file__")), key=str)
    gpu = [torch.cuda.get_device_name(device)] if device.type == "cuda" else []
    return {
        "format of checkpoints": str(FORMAT),
        "run": run,
        "source code": f"{_package_hash()} {source_hash(of_a_file)}",
        "version of rnnbench": version("rnnbench"),
        "version of torch": str(torch.__version__),
        "version of numpy": np.__version__,
        "processor": ", ".join([str(processor()), torch.backends.cpu.get_cpu_capability(), *gpu]),
    }


def source_hash(classes: Iterable[type]) -> str:
    """SHA-256, 8 digits, of the files that define the classes."""
    files = [Path(inspect.getfile(each)).read_bytes() for each in classes]
    return hashlib.sha256(b"\0".join(files)).hexdigest()[:8]


@cache
def _package_hash() -> str:
    root = Path(rnnbench.__file__).parent
    files = [path for folder in TRAINING_CODE for path in sorted((root / folder).rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in [*files, root / "gradient_fit.py"])).hexdigest()


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256, 16 digits, of the names, types, shapes and values of tensors."""
    digest = hashlib.sha256()
    for name, value in weights.items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
