"""Places that hold what a step may read, and the names by which its code reads them."""

import dis
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

MISSING: Any = object()


@dataclass(frozen=True)
class Place:
    """Something that holds values, and how to put others there."""

    path: str
    values: Iterable[Any]
    """A view: what is there now."""
    names: Callable[[], Iterable[Any]]
    """Of the values, in their order."""
    put: Callable[[list[Any], list[Any]], object]
    """Takes names and values."""


class Read:
    """What a function returns now."""

    def __init__(self, function: Callable[[], Iterable[Any]]) -> None:
        self.function = function

    def __iter__(self) -> Iterator[Any]:
        return iter(self.function())


CODE = ("__code__", "__defaults__", "__kwdefaults__")
"""What may be exchanged in a function, as IPython's autoreload does."""


def code_of(functions: list[types.FunctionType]) -> Iterator[Any]:
    return chain.from_iterable(map(attrgetter(part), functions) for part in CODE)


def put_code(functions: list[types.FunctionType], _: list[Any], values: list[Any]) -> None:
    pairs = [(function, part) for part in CODE for function in functions]
    for (function, part), value in zip(pairs, values, strict=True):
        if getattr(function, part) is not value:
            setattr(function, part, value)


def contents(cell: types.CellType) -> tuple[Any]:
    """The variable of an enclosing function, unless nothing has been assigned yet."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return (MISSING,)


def put_in_closure(cell: types.CellType, _: list[Any], values: list[Any]) -> None:
    if values[0] is not MISSING:
        cell.cell_contents = values[0]


def refill(mapping: dict[Any, Any], names: list[Any], values: list[Any]) -> None:
    mapping.clear()
    put_some(mapping, names, values)


def put_some(mapping: Any, names: list[Any], values: list[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        if value is MISSING:
            mapping.pop(name, None)
        else:
            mapping[name] = value


def put_in_class(kind: type, names: list[Any], values: list[Any]) -> None:
    for name in [name for name in vars(kind) if name not in names]:
        delattr(kind, name)
    for name, value in zip(names, values, strict=True):
        if vars(kind).get(name, MISSING) is not value:
            setattr(kind, name, value)


def put_classes(things: Callable[[], list[object]], _: list[Any], kinds: list[Any]) -> None:
    for thing, kind in zip(things(), kinds, strict=True):
        if type(thing) is not kind:
            object.__setattr__(thing, "__class__", kind)


@lru_cache(maxsize=1024)
def names_read(code: types.CodeType) -> frozenset[str]:
    """The names of attributes, globals and constant texts, which may name attributes, in it and the functions in it."""
    codes = list(_nested(code))
    constants = [constant for each in codes for constant in each.co_consts]
    of_patterns = [name for constant in constants if isinstance(constant, tuple) for name in constant]
    texts = (constant for constant in (*constants, *of_patterns) if isinstance(constant, str))
    return frozenset(name for each in codes for name in each.co_names) | {text for text in texts if text.isidentifier()}


@lru_cache(maxsize=1024)
def globals_read(code: types.CodeType) -> frozenset[str]:
    """The names among them that are looked up in the module."""
    found = (instruction for each in _nested(code) for instruction in dis.get_instructions(each))
    return frozenset(str(each.argval) for each in found if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"))


@lru_cache(maxsize=1024)
def modules_imported(code: types.CodeType) -> frozenset[str]:
    """The modules that it imports while it runs, those of its own package with leading dots."""
    found = set()
    for each in _nested(code):
        instructions = [part for part in dis.get_instructions(each) if part.opname != "EXTENDED_ARG"]
        for at, instruction in enumerate(instructions):
            if instruction.opname == "IMPORT_NAME":  # below it are the number of dots and the names that are wanted
                found.add("." * instructions[at - 2].argval + str(instruction.argval))
    return frozenset(found)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)
