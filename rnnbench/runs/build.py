"""From settings to objects."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler

from rnnbench.cells import Cell
from rnnbench.errors import SettingError, one_line
from rnnbench.model import Model, hidden_size_for
from rnnbench.probes import Probe
from rnnbench.runs.components import Node, component, construct, length_range
from rnnbench.runs.settings import Settings
from rnnbench.tasks import Task
from rnnbench.tasks.wrapped import DrawnLengths, FixedExamples, innermost
from rnnbench.training import Run
from rnnbench.training.randomness import Streams
from rnnbench.training.update import OF_TORCH, without_compiler

WHOLE_RUN = ("T_max", "total_iters", "total_steps")
"""Arguments of torch's schedules that are a number of training steps; null stands for all of the run's."""


def build_optimizer(settings: Settings, model: Model, steps: int) -> tuple[torch.optim.Optimizer, LRScheduler | None]:
    """The optimizer, and the schedule of its learning rate over this many training steps. Raises SettingError."""
    _check_complex(settings, model)
    optimizer = _of_torch(torch.optim.Optimizer, settings.optimizer, "optimizer", model.parameters())
    if settings.model.initialisation == "paper":
        set_published_rates(optimizer, model)
    if settings.schedule is None:
        return optimizer, None
    whole = {key: max(steps, 1) for key in WHOLE_RUN if settings.schedule.get(key, steps) is None}
    return optimizer, _of_torch(LRScheduler, settings.schedule | whole, "schedule", optimizer)


def _of_torch(kind: type, node: Node, group: str, of: Any) -> Any:
    try:
        return _made(kind, node, group, of)
    except SettingError:
        raise
    except ValueError as error:
        raise SettingError(f"{group}: {one_line(error)}") from error


def set_published_rates(optimizer: torch.optim.Optimizer, model: Model) -> None:
    """Give the parameters that the cell's paper trains at another rate groups of their own, with all other settings."""
    group = optimizer.param_groups[0]
    for name, factor in type(model.cells[0]).published_rates.items():
        chosen = [cell.get_parameter(name) for cell in model.cells]
        group["params"] = [each for each in group["params"] if not any(each is other for other in chosen)]
        optimizer.add_param_group({**group, "params": chosen, "lr": group["lr"] * factor})


def _check_complex(settings: Settings, model: Model) -> None:
    """Raise SettingError for what torch cannot do with complex parameters, which it finds at the first update."""
    if not any(parameter.is_complex() for parameter in model.parameters()):
        return
    if settings.optimizer.get("fused"):
        raise SettingError("optimizer.fused=true: must be false for a cell with complex parameters")
    if (value := settings.train.gradient_clip_value) is not None:
        said = "complex parameters have no order; use train.gradient_clip_norm"
        raise SettingError(f"train.gradient_clip_value={value}: {said}")


def build_device(name: str) -> torch.device:
    """The device of that name. Raises SettingError when it is not one or not here."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingError(f"device={name}: not available here; use device=cpu") from error
    return device


def _made(kind: type, node: Node, group: str, *arguments: Any) -> Any:
    """The component. Raises SettingError where it does not derive from the abstract class of its group."""
    make = component(node, group)
    if make.func in OF_TORCH:  # type: ignore[attr-defined]
        make = partial(without_compiler(make.func), **make.keywords)  # type: ignore[attr-defined]
    made = construct(make, group, *arguments)
    if not isinstance(made, kind):
        public = f"{kind.__module__.removesuffix(f'.{kind.__name__.lower()}')}.{kind.__name__}"
        raise SettingError(f"{group}._target_={node['_target_']}: must derive from {public}")
    return made


def build_task(settings: Settings) -> Task:
    """The task from its constructor, at one length or lengths drawn for each batch, on fresh or fixed examples."""
    drawn, examples = length_range(settings.task), settings.train.examples
    if drawn is None:
        task: Task = _made(Task, settings.task, "task")
    else:
        task = construct(partial(DrawnLengths, partial(_task_at, settings), *drawn), "task")
    if examples is None:
        return task
    seed = np.random.SeedSequence([settings.seed, examples]).generate_state(1, np.uint64)[0]
    return construct(partial(FixedExamples, task, examples, int(seed)), "train")  # type: ignore[no-any-return]


def _task_at(settings: Settings, length: int) -> Task:
    return _made(Task, settings.task | {"length": length}, "task")  # type: ignore[no-any-return]


def build_tests(settings: Settings, task: Task) -> dict[int, Task]:
    """The tasks of the other lengths on which the trained model is evaluated. Raises SettingError."""
    tests: dict[int, Task] = {}
    for length in settings.evaluation.lengths:
        found = construct(partial(task.at_length, length), "evaluation.lengths")
        if found is None and "length" not in settings.task:
            kind = type(innermost(task)).__name__
            raise SettingError(f"evaluation.lengths=[{length}]: must be [] for {kind}, without a length")
        try:
            tests[length] = other = _task_at(settings, length) if found is None else found
        except SettingError as error:
            raise SettingError(f"evaluation.lengths=[{length}]: {error}") from error
        sizes, trained = ((each.input_size, each.output_size) for each in (other, task))
        if sizes != trained:
            said = f"inputs and outputs must be as in training, {trained}; at this length they are {sizes}"
            raise SettingError(f"evaluation.lengths=[{length}]: {said}")
    return tests


def input_features(settings: Settings, task: Task) -> int:
    """The features that the lowest layer's inputs have. Raises SettingError for an embedding of no tokens."""
    embedding = settings.model.embedding
    if embedding is None:
        return task.input_size
    if task.vocabulary is None:
        raise SettingError(f"model.embedding={embedding}: the task's inputs are features and no tokens; leave it null")
    return embedding


def build_layer(settings: Settings, task: Task) -> tuple[Callable[[int, int], Cell], int]:
    """The cell's constructor and the hidden size. Raises SettingError for a wrong setting of either."""
    make_cell: Callable[[int, int], Cell] = component(settings.cell, "cell")
    features, model = input_features(settings, task), settings.model
    _made(Cell, settings.cell, "cell", features, model.hidden_size)
    if model.parameter_budget is None:
        return make_cell, model.hidden_size
    solve = partial(
        hidden_size_for,
        make_cell,
        input_size=task.input_size,
        output_size=task.output_size,
        layers=model.layers,
        embedding=model.embedding,
        budget=model.parameter_budget,
        counted=model.budget_counts,
    )
    return make_cell, construct(solve, "model")


def build_run(settings: Settings) -> Run:
    """The run that the settings describe. Raises SettingError for the first wrong setting."""
    task = build_task(settings)
    make_cell, hidden_size = build_layer(settings, task)
    streams, device = Streams.from_seed(settings.seed), build_device(settings.device)

    make_model = partial(
        Model,
        make_cell,
        input_size=task.input_size,
        output_size=task.output_size,
        **settings.model.model_dump(exclude={"parameter_budget", "budget_counts"}) | {"hidden_size": hidden_size},
        threads=settings.threads,
        device=device,
        generator=streams.weights,
    )
    model, train = construct(make_model, "model"), settings.train.in_steps(task)
    optimizer, schedule = build_optimizer(settings, model, train.steps)
    tests = build_tests(settings, task)
    probes = {name: _made(Probe, node, f"probes.{name}") for name, node in settings.probes.items()}
    return Run(model, task, optimizer, train, probes, streams, device, schedule, tests)
