"""The name of the run that a job's settings describe, found without building the run.

A run's name covers the hidden size that a parameter budget comes to and the backend that `auto` resolves to. Both
depend on a few of the settings, so they are found once for all jobs that agree in these, from one layer of the cell.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from rnnbench.backends import planned_backend
from rnnbench.process_settings import standard_settings
from rnnbench.runs.build import build_device, build_layer, build_task, input_features
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
        with standard_settings(f"a component of cell={cell} task={task}", may_draw=True):
            return self._of(settings, cell, task)

    def _of(self, settings: Settings, cell: str, task: str) -> Identity:
        built_task: Task = self._once(lambda: build_task(settings), "task", settings.task, settings.train.examples)
        of_shape = (settings.cell, settings.task, settings.model.model_dump(), settings.device, settings.threads)
        hidden_size, backend, source = self._once(lambda: _shape(settings, built_task), "shape", *of_shape)
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
    backend = planned_backend(cell, settings.model.backend, settings.threads).name
    return cell.hidden_size, backend, source_hash([type(cell), type(innermost(task))])
