"""Runs and sweeps from Python: the same settings, folders and numbers as those of the command line."""

import itertools
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from joblib.externals.loky import get_reusable_executor

from rnnbench.analysis.archive import load_results
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError, one_line, printable
from rnnbench.interruption import raised_after
from rnnbench.runs.catalogue import LISTS, default_content, with_settings
from rnnbench.runs.execute import Job, execute
from rnnbench.runs.settings import Settings
from rnnbench.runs.swept import outcome_line, swept_label
from rnnbench.schema import JobStatus
from rnnbench.store.reader import JobOutcome

GROUPS = ("cell", "task", "optimizer", "schedule", "wandb", *LISTS)
"""The settings that choose files of conf/."""
WITHOUT_A_RUN = (JobStatus.REFUSED, JobStatus.LOST, JobStatus.STOPPED, JobStatus.BUSY)

Component = str | type | Mapping[str, Any]
"""A choice of conf/, a class, or a mapping with `_target_` and arguments."""


def run(
    cell: Component = "gru",
    task: Component = "adding",
    *,
    seed: int = 0,
    name: str = "default",
    results_dir: str | Path = "results",
    config_dirs: Sequence[str | Path] = (),
    **settings: Any,
) -> Results:
    """Train one cell on one task, unless that is done already, and return the run as `rnnbench.load` does.

    `rnnbench.run("lstm", seed=1, name="mine", train={"steps": 500})` is `rnnbench cell=lstm seed=1 name=mine
    train.steps=500`: the same folder, numbers and log in W&B. `cell` and `task` are names of the menu or of files in
    `config_dirs`, classes, or mappings with `_target_` and arguments. Further settings are those of the menu, nested
    (`train={"steps": 500}`) or dotted (`**{"train.steps": 500}`).

    A run that diverges or fails is a run in the results, with that status. Ctrl-C stops it with a checkpoint, from
    which the same call resumes. Raises SettingError for a wrong setting, and RuntimeError where another process is
    executing the run.
    """
    place = {"name": name, "results_dir": results_dir}
    return _results([{}], {"cell": cell, "task": task, "seed": seed, **settings, **place}, config_dirs, 1)


def sweep(
    over: Mapping[str, Sequence[Any]],
    *,
    name: str = "default",
    results_dir: str | Path = "results",
    config_dirs: Sequence[str | Path] = (),
    processes: int = 1,
    **settings: Any,
) -> Results:
    """Train all combinations of the values in `over`, and return these runs as `rnnbench.load` does.

    `rnnbench.sweep({"cell": ["rnn", "gru"], "task.length": [50, 100], "seed": range(3)}, name="mine")` is twelve runs.
    The other arguments are those of `run` and hold for all of them; `processes` run at a time. Runs that are done
    already are not done again, and any number of processes may execute one sweep: each run is locked by the one that
    does it. A run that is executed elsewhere, or whose process was killed, is left out with a line.

    Raises SettingError for a wrong setting, before the first run where that can be known, and for an empty sweep.
    """
    for key, values in over.items():
        if key in ("name", "results_dir", "config_dirs"):
            raise SettingError(f"{key}: must be one value for all runs of a sweep")
        if isinstance(values, str | Mapping) or not hasattr(values, "__len__"):
            raise SettingError(f"{key}={printable(str(values))}: must be a list of values to sweep over")
        if not len(values):
            raise SettingError(f"{key}: no values to sweep over")
    jobs = [dict(zip(over, values, strict=True)) for values in itertools.product(*over.values())]
    return _results(jobs, {**settings, "name": name, "results_dir": results_dir}, config_dirs, processes)


def _results(
    jobs: Sequence[Mapping[str, Any]], common: Mapping[str, Any], config_dirs: Sequence[str | Path], processes: int
) -> Results:
    """Execute the runs of all jobs, each the common settings and its own; the results of those that came to an end."""
    if processes < 1:
        raise SettingError(f"processes={processes}: must be at least 1")
    folders = [Path(folder).expanduser().resolve() for folder in config_dirs]
    sys.path += [str(folder) for folder in folders if str(folder) not in sys.path]
    common = {**common, "results_dir": str(Path(common["results_dir"]).expanduser())}
    shared = processes > 1 and len(jobs) > 1
    runs = [_job({**common, **varied}, varied, folders, shared) for varied in jobs]
    outcomes = []
    with raised_after():
        for outcome in _in_processes(runs, processes) if processes > 1 else map(execute, runs):
            print(outcome_line(outcome), file=sys.stderr)
            outcomes.append(outcome)
            if outcome.status == JobStatus.STOPPED and processes == 1:
                break
    ended = [outcome.run for outcome in outcomes if outcome.run and outcome.status not in WITHOUT_A_RUN]
    if not ended:
        raise RuntimeError("; ".join(map(outcome_line, outcomes)))
    return load_results(runs[0].settings.results_dir / common["name"]).limited({"run": ended})


def _job(settings: Mapping[str, Any], varied: Mapping[str, Any], folders: Sequence[Path], shared: bool) -> Job:
    nodes = {group: _node(group, settings[group]) for group in GROUPS if group in settings}
    others = {key: _plain(key, value) for key, value in settings.items() if key not in GROUPS}
    checked = Settings.from_content(with_settings(default_content(nodes, folders), others))
    cell, task = _name(settings.get("cell", "gru")), _name(settings.get("task", "adding"))
    overrides = [f"{key}={_name(value) if key in GROUPS else value}" for key, value in varied.items()]
    return Job(checked, cell, task, overrides, swept_label(overrides), shared)


def _node(group: str, choice: Any) -> Any:
    """What `default_content` takes: a class becomes a mapping that names it. Raises SettingError."""
    node = {"_target_": choice} if isinstance(choice, type) else choice
    if isinstance(node, Mapping) and isinstance(component := node.get("_target_"), type):
        if not hasattr(sys.modules.get(component.__module__), "__file__"):
            what = "must be defined in a file, which is kept with the run"
            raise SettingError(f"{group}={component.__name__}: {what}")
        node = {**node, "_target_": f"{component.__module__}.{component.__qualname__}"}
    return _plain(group, node)


def _plain(key: str, value: Any) -> Any:
    """The value as a file of settings has it, numbers of NumPy and torch as Python's. Raises SettingError."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(f"{key}.{name}", each) for name, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(key, each) for each in value]
    if not isinstance(value, Path | bool | int | float | str | None):
        what = "a number, text, a truth value, None, a list or a mapping"
        raise SettingError(f"{key}={printable(str(value))}: must be {what}, not a {type(value).__name__}")
    return str(value) if isinstance(value, Path) else value


def _name(choice: Any) -> str:
    """What a run calls its cell or task: the choice of the menu, or the class's name as a file of the menu has it."""
    if not isinstance(choice, Mapping | type):
        return str(choice)
    component = choice.get("_target_", "") if isinstance(choice, Mapping) else choice
    name = component.__name__ if isinstance(component, type) else str(component).rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _in_processes(jobs: Sequence[Job], processes: int) -> Iterator[JobOutcome]:
    """The outcomes of runs in worker processes; a process that was killed makes its runs lost."""
    executor = get_reusable_executor(max_workers=min(processes, len(jobs)))
    futures = [executor.submit(_in_worker, list(sys.path), job) for job in jobs]
    for job, future in zip(jobs, futures, strict=True):
        try:
            yield future.result()
        except SettingError:
            executor.shutdown(kill_workers=True)
            raise
        except Exception as error:
            yield JobOutcome(job.overrides, JobStatus.LOST, message=f"({one_line(error)})")


def _in_worker(path: list[str], job: Job) -> JobOutcome:
    sys.path += [folder for folder in path if folder not in sys.path]
    return execute(job)
