"""A checkpoint: how far a run has come, as tensors and plain values, and what wrote it.

A run resumes only from a checkpoint of the same code, versions, settings and processor, since from any other it would
come to numbers that no code gives from start to end on any machine.
"""

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rnnbench
from rnnbench.machine import processor
from rnnbench.training.loop import Progress

FORMAT = 2
"""Raise it when the meaning of anything in a checkpoint changes."""

TRAINING_CODE = ("training", "model", "backends", "cells", "probes")
"""The packages of rnnbench whose code the numbers of a run come from."""


class CheckpointError(Exception):
    """A run cannot go on from a checkpoint; the message says what the checkpoint is."""


Plain = dict[str, Any]


def writer(run: str, components: Iterable[type], device: torch.device) -> dict[str, str]:
    """What writes the checkpoints of a run: each has to be the same when it is read.

    `run` is the run's name, which ends in the hash of its settings; `components` are the classes of its cell, task,
    probes, optimizer and schedule.
    """
    gpu = [torch.cuda.get_device_name(device)] if device.type == "cuda" else []
    return {
        "format of checkpoints": str(FORMAT),
        "run": run,
        "source code": source_hash(components),
        "version of rnnbench": version("rnnbench"),
        "version of torch": str(torch.__version__),
        "version of numpy": np.__version__,
        "processor": ", ".join([str(processor()), torch.backends.cpu.get_cpu_capability(), arithmetic(), *gpu]),
    }


def arithmetic() -> str:
    """Sixteen digits from the bits of a small calculation.

    They differ where the libraries choose other instructions: by the processor, and by variables of the environment.
    """
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 96, 96, generator=generator, dtype=torch.float64)
    digest = hashlib.sha256()
    for dtype in (torch.float32, torch.float64):
        product = left.to(dtype) @ right.to(dtype)
        for result in (product, product.tanh(), product.sigmoid(), product.sum(), (product / 96).exp().log_softmax(1)):
            digest.update(result.numpy().tobytes())
    digest.update((left.numpy() @ right.numpy()).tobytes())
    return digest.hexdigest()[:16]


def differences(written_by: Any, now: Mapping[str, str]) -> list[str]:
    """In what the writer of a checkpoint differs from the one of now."""
    then = written_by if isinstance(written_by, dict) else {}
    return [key for key, value in now.items() if then.get(key) != value]


def source_hash(components: Iterable[type]) -> str:
    """SHA-256, 16 digits, of the code that trains: the package's own, and the files of the components' classes."""
    classes = {base for component in components for base in component.__mro__}
    own = {Path(file) for base in classes if (file := _source_file(base)) is not None}
    contents = [_package_hash(), *(path.read_bytes() for path in sorted(own))]
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:16]


def _source_file(component: type) -> str | None:
    """The file that defines a class; None for one without, such as object."""
    try:
        return inspect.getfile(component)
    except (TypeError, OSError):
        return None


@cache
def _package_hash() -> bytes:
    root = Path(rnnbench.__file__).parent
    folders = [*(root / name for name in TRAINING_CODE), root / "tasks"]
    files = [root / "gradient_fit.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).digest()


def to_plain(progress: Progress) -> Plain:
    """The progress as plain values, its arrays as tensors."""
    arrays = {
        probe: [
            [step, {name: torch.from_numpy(np.array(value)) for name, value in named.items()}]
            for step, named in measured
        ]
        for probe, measured in progress.arrays.items()
    }
    plain = {field.name: getattr(progress, field.name) for field in fields(progress)}
    return plain | {"history": [dict(row) for row in progress.history], "arrays": arrays}


def from_plain(plain: Plain) -> Progress:
    """The progress of `to_plain`. Raises TypeError, ValueError and the like for anything else."""
    if set(plain) != {field.name for field in fields(Progress)}:
        raise ValueError("holds other values than a run's progress has")
    arrays = {
        probe: [(step, {name: value.numpy() for name, value in named.items()}) for step, named in measured]
        for probe, measured in plain["arrays"].items()
    }
    return Progress(**(plain | {"arrays": arrays}))


def inconsistency(progress: Progress, steps: int) -> str | None:
    """What cannot be in the progress of a run of so many steps; None when all of it can."""
    if not 0 <= progress.step <= steps:
        return f"is of step {progress.step}, but the run has {steps}"
    if not len(progress.step_times_s) == len(progress.tokens) == progress.step:
        return f"is of step {progress.step}, but holds the times of {len(progress.step_times_s)} steps"
    recorded = [int(row["step"]) for row in progress.history]
    if recorded != sorted(set(recorded)) or not recorded or recorded[-1] > progress.step:
        return f"is of step {progress.step}, which does not match its history"
    of_arrays = [step for measured in progress.arrays.values() for step, _ in measured]
    if not set(of_arrays) <= set(recorded):
        return "has arrays of steps that its history has not"
    return None
