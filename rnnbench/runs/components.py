"""Components named by `_target_`, checked against their constructors; neither torch nor Hydra is imported."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rnnbench.errors import ComponentError, SettingError, names_a_setting, one_line, requirement
from rnnbench.process_settings import standard_settings

Node = dict[str, Any]
"""The configuration of a component: its `_target_` and arguments."""


def component(node: Node, group: str) -> Callable[..., Any]:
    """The component that a group's node names, with the node's arguments bound.

    Raises SettingError when there is no such class or an argument is unknown or of the wrong type.
    """
    arguments = dict(node)
    path = arguments.pop("_target_", None)
    if not isinstance(path, str):
        raise SettingError(f"{group}._target_={path}: must be the import path of a class, such as my_cell.MyCell")
    return with_arguments(_imported(path, group), arguments, group)


def with_arguments(target: Callable[..., Any], arguments: Mapping[str, Any], group: str) -> Callable[..., Any]:
    """The class with these arguments bound. Raises SettingError when one is unknown or of the wrong type."""
    return partial(target, **_checked(target, arguments, group))


def _imported(path: str, group: str) -> Any:
    """The class of that path. What the module itself raises while it is imported is a bug there, and propagates."""
    module, _, name = path.rpartition(".")
    try:
        with standard_settings(f"{group}._target_={path}"):
            return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        missing = f"there is no module {error.name}{_within(path)}"
    except AttributeError:
        if hasattr(sys.modules.get(module), name) or module not in sys.modules:
            raise
        missing = f"{module} has no {name}"
    except ValueError:  # of import_module(""), for a path without a dot
        missing = "it must be MODULE.CLASS"
    raise SettingError(f"{group}._target_={path}: cannot be imported ({missing})")


def _within(path: str) -> str:
    """A suggestion for a path that begins with the folder that holds the module."""
    within = path.partition(".")[2]
    module = within.partition(".")[0]
    return f"; did you mean {within}?" if "." in within and importlib.util.find_spec(module) else ""


def _checked(target: Any, arguments: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The arguments as the constructor's annotations want them."""
    parameters = inspect.signature(target).parameters
    constructor = target.__init__ if inspect.isclass(target) else target
    hints = get_type_hints(constructor, include_extras=True)
    checked = {}
    for name, value in arguments.items():
        if name not in parameters:
            raise SettingError(f"{group}.{name}={value}: unknown; {target.__name__} takes {', '.join(parameters)}")
        adapter = TypeAdapter(hints.get(name, Any), config=ConfigDict(arbitrary_types_allowed=True))
        try:
            checked[name] = adapter.validate_python(value)
        except ValidationError as error:
            raise SettingError(f"{group}.{name}={value}: {requirement(error.errors()[0])}") from error
    return checked


def construct(make: Callable[..., Any], group: str, *arguments: Any) -> Any:
    """Call a constructor. Its error on a setting becomes a SettingError that names the group; others propagate.

    `rnnbench.errors` defines what is a wrong setting and what is a bug.
    """
    kind: Any = make.func if isinstance(make, partial) else make
    if inspect.isabstract(kind):
        lacks = ", ".join(sorted(kind.__abstractmethods__))
        raise ComponentError(f"{inspect.getfile(kind)}: {kind.__name__} does not define {lacks}")
    try:
        inspect.signature(make).bind(*arguments)
    except TypeError as error:
        raise SettingError(f"{group}: {one_line(error)}; its YAML lists its settings") from error
    try:
        with standard_settings(f"{group}: {getattr(kind, '__name__', kind)}", may_draw=True):
            return make(*arguments)
    except SettingError:
        raise
    except ValueError as error:
        if names_a_setting(error):
            raise SettingError(f"{group}.{one_line(error)}") from error
        raise
