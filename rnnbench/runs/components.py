"""Components named by `_target_`, checked against their constructors; neither torch nor Hydra is imported."""

import importlib
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from rnnbench.errors import ComponentError, SettingError, names_a_setting, one_line, printable, requirement
from rnnbench.process_settings import standard_settings

Node = dict[str, Any]
"""The configuration of a component: its `_target_` and arguments."""


def component(node: Node, group: str) -> Callable[..., Any]:
    """The class that a group's node names, with the node's arguments bound. Raises SettingError."""
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
    if module in sys.modules and hasattr(sys.modules[module], name):
        return getattr(sys.modules[module], name)
    try:
        with standard_settings(f"{group}._target_={path}"):
            return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        missing = f"there is no module {error.name}"
    except AttributeError:
        if module not in sys.modules:
            raise
        missing = f"{module} has no {name}"
    except ValueError:  # of import_module(""), for a path without a dot
        missing = "it must be MODULE.CLASS"
    raise SettingError(f"{group}._target_={path}: cannot be imported ({missing})")


def length_range(node: Node) -> tuple[int, int] | None:
    """The shortest and the longest length of a task whose length is drawn for each batch, as in `length=1..40`."""
    found = re.fullmatch(r"(\d+)\.\.(\d+)", str(node.get("length")))
    return (int(found[1]), int(found[2])) if found else None


def typed(node: Node, group: str) -> Node:
    """The node with its arguments as the constructor gets them, so that one value has one form: 1 and 1.0 of a float.

    What no JSON can hold stays as given, as do null, which may stand for the whole run, and a task's range of lengths.
    """
    as_given = {"_target_", *(["length"] if group == "task" and length_range(node) else [])}
    given = {name: value for name, value in node.items() if name not in as_given and value is not None}
    checked = component({"_target_": node.get("_target_"), **given}, group).keywords  # type: ignore[attr-defined]
    for name in given:
        with suppress(PydanticSerializationError):  # of what no JSON can hold
            node = node | {name: to_jsonable_python(checked[name])}
    return node


def _checked(target: Any, arguments: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The arguments as the constructor's annotations want them; of one without, as its default does."""
    parameters = inspect.signature(target).parameters
    checked = {}
    others = next((each for each in parameters.values() if each.kind is each.VAR_KEYWORD), None)
    for name, value in arguments.items():
        if (parameter := parameters.get(name, others)) is None:
            takes = f"{target.__name__} takes {', '.join(parameters)}"
            raise SettingError(f"{group}.{name}={printable(str(value))}: unknown; {takes}")
        try:
            checked[name] = one_form(_adapter(target, parameter.name).validate_python(value))
        except ValueError as error:  # pydantic's among them
            problem = requirement(error.errors()[0]) if isinstance(error, ValidationError) else error
            raise SettingError(f"{group}.{name}={printable(str(value))}: {problem}") from error
        number = type(parameter.default)
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        if parameter.name not in _hints(target) and number in (int, float) and is_whole:
            checked[name] = number(value)
    return checked


@cache
def _hints(target: Any) -> dict[str, Any]:
    """The annotations; none where one of them names what is imported for type checkers alone."""
    try:
        return get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except NameError:
        return {}


@cache
def _adapter(target: Any, name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_hints(target).get(name, Any), config=ConfigDict(arbitrary_types_allowed=True))


def one_form(value: Any) -> Any:
    """The value with 0.0 for -0.0, which equals it, at any depth. Raises ValueError for NaN, which equals nothing."""
    if type(value) is float:
        if math.isnan(value):
            raise ValueError("must be a number")
        return value + 0.0
    if type(value) in (list, tuple):
        return type(value)(one_form(each) for each in value)
    return {key: one_form(each) for key, each in value.items()} if type(value) is dict else value


def construct(make: Callable[..., Any], group: str, *arguments: Any) -> Any:
    """Call a constructor. Its error on a setting becomes a SettingError that names the group; see `rnnbench.errors`."""
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
