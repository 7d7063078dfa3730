"""The name of the run that a job's settings describe, found without building it; and where its numbers come from.

A run's name covers the hidden size that a parameter budget comes to and the backend that `auto` resolves to. Both
depend on a few of the settings, so they are found once for all jobs that agree in these, from one layer of the cell.
"""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from rnnbench.backends import planned_backend
from rnnbench.machine import cpu_limit, logical_cores, processor
from rnnbench.process_settings import standard_settings
from rnnbench.runs.build import build_device, build_layer, build_task, input_features
from rnnbench.runs.components import construct
from rnnbench.runs.settings import Settings, check_run_name
from rnnbench.schema import run_name
from rnnbench.tasks import Task
from rnnbench.tasks.wrapped import innermost
from rnnbench.training.checkpoint import source_hash


class Identity(NamedTuple):
    """What is known of a run before it is built."""

    name: str
    component_source: str
    """The hash of its cell's and its task's source files."""
    config: dict[str, Any]
    """The settings that can change its result, with the width and backend that really run."""


class Identities:
    """The identities of the runs of many jobs."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def of(self, settings: Settings, cell: str, task: str) -> Identity:
        """The identity of the run. Raises whatever is wrong with one of its components."""
        check_run_name(cell, task, settings.seed)
        of_shape = (settings.cell, settings.task, settings.model.model_dump(), settings.device, settings.threads)
        with standard_settings(f"a component of cell={cell} task={task}", may_draw=True):
            built: Task = self._once(lambda: build_task(settings), "task", settings.task, settings.train.examples)
            hidden_size, backend, source = self._once(lambda: _shape(settings, built), "shape", *of_shape)
            content = settings.result_settings(hidden_size, backend)
        return Identity(run_name(cell, task, settings.seed, content), source, content)

    def _once(self, find: Callable[[], Any], *key: Any) -> Any:
        text = json.dumps(key, sort_keys=True, default=str)
        if text not in self._found:
            self._found[text] = find()
        return self._found[text]


def _shape(settings: Settings, task: Task) -> tuple[int, str, str]:
    """Hidden size, backend, and hash of the components' source."""
    make_cell, hidden_size = build_layer(settings, task)
    with torch.random.fork_rng(devices=[]):
        cell = make_cell(input_features(settings, task), hidden_size)
    cell.to(build_device(settings.device))
    plan = partial(planned_backend, cell, settings.model.backend, settings.threads)
    return cell.hidden_size, construct(plan, "model").name, source_hash([type(cell), type(innermost(task))])


def provenance(device: torch.device, components: list[type]) -> dict[str, Any]:
    """The provenance of a run that starts now: the columns `rnnbench.schema.PROVENANCE`."""
    commit, dirty = _git_state()
    cpu = processor()
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "rnnbench_version": version("rnnbench"),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),
        "numpy_version": version("numpy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu.name,
        "cpu_family": cpu.family,
        "cpu_model": cpu.model,
        "vector_width_bits": cpu.vector_width_bits,
        "cpu_cores": logical_cores(),
        "cpu_limit": cpu_limit(),
        "component_source": source_hash(components),
        "command_line": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout that holds this package, and whether it has changes but for results; outside one None."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments]  # a killed run leaves no index.lock
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with suppress(OSError, subprocess.CalledProcessError):
        if (root / ".git").exists():
            return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", ":!results"))
    return None, None
