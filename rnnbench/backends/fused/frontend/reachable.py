"""What a step may read besides the tensors of its cell: attributes, containers, objects, class attributes, globals,
closures and default arguments, found by following the names in the code of `step` and of all that it may call."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from inspect import getattr_static
from itertools import repeat
from random import Random
from types import FunctionType, MethodType, ModuleType
from typing import Any
from weakref import ref

import numpy as np
import torch
from torch import Tensor, nn

from rnnbench.backends.fused.frontend.names_read import AMBIENT, DYNAMIC, globals_read, names_read
from rnnbench.backends.fused.frontend.torch_private import GLOBAL_HOOKS, TENSOR_DICTIONARIES

_LIBRARIES = {*sys.stdlib_module_names, "torch", "numpy", "numba"}
LIMIT = 3000
"""The most places that are watched."""

_PLAIN = (int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size)
_NOT_CALLED = {
    "__init__",
    "__new__",
    "__repr__",
    "__hash__",
    "__reduce__",
    "__getstate__",
    "__setstate__",
    "__init_subclass__",
}


MISSING: Any = object()


class UnwatchableError(Exception):
    """Something is reached that cannot be watched."""


@dataclass(frozen=True)
class Place:
    """Something that holds values, and how to put others there."""

    path: str
    values: Iterable[Any]
    """A view: what is there now."""
    names: Callable[[], Iterable[Any]]
    """Of the values, in their order."""
    put: Callable[[list[Any], list[Any]], None]
    """Takes names and values."""


class Reachable:
    """The places that a step may read, and what is read of arrays, tensors and generators."""

    def __init__(self, cell: nn.Module) -> None:
        self.names = {"step", "forward"}
        self._own = {_root(type(module)) for module in cell.modules()}
        self._registered = {id(tensor) for tensor in (*cell.parameters(), *cell.buffers())}
        self.problem: str | None = None
        """Why not all is watched."""
        try:
            self._follow(cell)
        except UnwatchableError as error:
            self.problem = str(error)

    def _follow(self, cell: nn.Module) -> None:
        known = 0
        while known != len(self.names):  # code that is reached adds names, by which more is reached
            known = len(self.names)
            self.places: list[Place] = []
            self.arrays: list[tuple[str, Any]] = []
            """Arrays of NumPy and other objects that hold numbers in a buffer."""
            self.tensors: list[tuple[str, Tensor]] = []
            """Tensors that are no parameters or buffers of the cell."""
            self.is_shared = False
            """Whether a parameter or buffer is reached in another way too."""
            self.things: list[tuple[str, Any]] = []
            """Modules and objects, whose class may be exchanged."""
            self.states: list[tuple[str, Callable[[], Any], Callable[[Any], Any]]] = []
            """Of generators of random numbers: how to read where they are, and how to put them back there."""
            self._seen: dict[int, object] = {}
            for name, hooks in GLOBAL_HOOKS.items():
                self._mapping(hooks, name)
            for path, module in cell.named_modules():
                self._visit(module, path)
        del self._seen

    def _visit(self, value: Any, path: str) -> None:
        if isinstance(value, _PLAIN) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        kinds: tuple[tuple[Any, Callable[[Any, str], None]], ...] = (
            (Tensor, self._tensor),
            (np.ndarray, lambda array, path: self.arrays.append((path, array))),
            (nn.Module, self._module),
            (FunctionType, self._function),
            (MethodType, lambda method, path: self._each((method.__func__, method.__self__), path)),
            (partial, lambda call, path: self._each((call.func, call.args, call.keywords), path)),
            (property, lambda made, path: self._each((made.fget,), path)),
            ((staticmethod, classmethod), lambda made, path: self._visit(made.__func__, path)),
            (type, self._class),
            (ModuleType, self._python_module),
            (dict, self._mapping),
            (ContextVar, self._variable),
            (ref, lambda reference, path: self._visit(reference(), path)),
            (tuple, self._each),
            ((list, deque), self._list),
            ((set, frozenset), self._set),
            ((torch.Generator, np.random.Generator, np.random.RandomState, Random), self._generator),
            (Mapping, self._foreign_mapping),
            (object, self._object),
        )
        next(visit for kind, visit in kinds if isinstance(value, kind))(value, path)

    def _each(self, values: Iterable[Any], path: str) -> None:
        for index, value in enumerate(values):
            self._visit(value, f"{path}[{index}]")

    def _tensor(self, tensor: Tensor, path: str) -> None:
        if id(tensor) in self._registered:
            self.is_shared = True
        else:
            self.tensors.append((path, tensor))

    def _module(self, module: nn.Module, path: str) -> None:
        attributes = vars(module)
        for mapping in (attributes, attributes["_modules"]):
            self._place(path, mapping.values(), mapping.keys, partial(_put_in_mapping, mapping))
        for name, value in attributes.items():
            if name in TENSOR_DICTIONARIES:
                continue
            if name.startswith("_") and isinstance(value, dict) and name.endswith(("hooks", "hooks_with_kwargs")):
                self._mapping(value, _joined(path, name))
            elif self._reads(name):
                self._visit(value, _joined(path, name))
        self._classes_of(module, path)

    def _mapping(self, mapping: dict[Any, Any], path: str) -> None:
        self._place(path, mapping.values(), mapping.keys, partial(_put_in_mapping, mapping))
        for name, value in list(mapping.items()):
            self._visit(value, f"{path}[{name!r}]")

    def _foreign_mapping(self, mapping: Mapping[Any, Any], path: str) -> None:
        """One that makes its values when it is asked for them, as OmegaConf's."""
        try:
            values = dict(mapping)
        except Exception:  # one without all its values
            return
        self._place(path, _Calls(mapping.values), mapping.keys, partial(_put_in_mapping, mapping))
        for name, value in values.items():
            self._visit(value, f"{path}[{name!r}]")

    def _variable(self, variable: ContextVar[Any], path: str) -> None:
        values = _Calls(lambda: (variable.get(MISSING),))
        self._place(path, values, lambda: ("value",), lambda _, then: variable.set(then[0]))
        self._each(values, path)

    def _list(self, values: Any, path: str) -> None:
        self._place(path, values, lambda: range(len(values)), partial(_refill, values, values.extend))
        self._each(values, path)

    def _set(self, values: Any, path: str) -> None:
        if isinstance(values, set):
            self._place(path, values, lambda: values, partial(_refill, values, values.update))
        self._each(values, path)

    def _function(self, function: FunctionType, path: str) -> None:
        if self._is_of_library(_root(function)):
            return
        code = function.__code__
        self.names |= names_read(code)
        for name in (AMBIENT & names_read(code)) - {"hash", "id"} | (AMBIENT & globals_read(code)):
            if name not in function.__globals__ or not isinstance(function.__globals__[name], FunctionType):
                raise UnwatchableError(f"its step may ask for {name}, which may be another at the next call")
        read = [name for name in globals_read(code) if name in function.__globals__]
        self._some(function.__globals__, read, "global ")
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self._some(_Closure(cell), ["cell_contents"], "", shown=name)
        self._each(function.__defaults__ or (), f"{path}'s defaults")
        self._mapping(function.__kwdefaults__ or {}, f"{path}'s defaults")
        self._mapping(vars(function), path)

    def _python_module(self, module: ModuleType, path: str) -> None:
        if not self._is_of_library(module.__name__.partition(".")[0]):
            self._some(vars(module), [name for name in vars(module) if name in self.names], f"{path}.")

    def _class(self, kind: type, path: str) -> None:
        attributes = vars(kind)
        self._place(kind.__name__, attributes.values(), attributes.keys, partial(_put_in_class, kind))
        if self._is_of_library(_root(kind)):
            return
        self._visit(type(kind), f"type({kind.__name__})")
        for name, value in list(attributes.items()):
            if name in self.names or (name.startswith("__") and name not in _NOT_CALLED and callable(value)):
                self._visit(value, f"{kind.__name__}.{name}")

    def _classes_of(self, thing: object, path: str) -> None:
        self.things.append((path, thing))
        for kind in type(thing).__mro__:
            if kind is nn.Module:
                return
            if isinstance(thing, nn.Module) or not self._is_of_library(_root(kind)):
                self._visit(kind, kind.__name__)

    def _generator(self, generator: Any, path: str) -> None:
        if isinstance(generator, torch.Generator):
            self.states.append((path, lambda: generator.get_state().tolist(), lambda then: _set_torch(generator, then)))
        elif isinstance(generator, np.random.Generator):
            bits: Any = generator.bit_generator
            self.states.append((path, lambda: bits.state, lambda then: setattr(bits, "state", then)))
        elif isinstance(generator, np.random.RandomState):
            self.states.append((path, generator.get_state, generator.set_state))
        else:
            self.states.append((path, generator.getstate, generator.setstate))

    def _object(self, thing: Any, path: str) -> None:
        """An object of any other class: the attributes that the code names; a decorated function; a buffer."""
        self._visit(getattr_static(thing, "__wrapped__", None), path)
        attributes = getattr(thing, "__dict__", None)
        if attributes is None and hasattr(thing, "__next__"):  # one of C, which does not tell where it is
            raise UnwatchableError(f"its step reads the iterator {path}; keep what changes as a tensor of the state")
        if is_buffer(thing):
            self.arrays.append((path, thing))
        if isinstance(attributes, dict):
            self._some(attributes, self._relevant(attributes), f"{path}.")
        slots = [name for kind in type(thing).__mro__ for name in _slots(kind)]
        if slots:
            self._some(_Attributes(thing), slots, f"{path}.")
        self._classes_of(thing, path)

    def _relevant(self, attributes: dict[str, Any]) -> list[str]:
        """The attributes of an object that are watched; those that it may yet get among them."""
        return sorted(self.names.union(attributes) if self.names & DYNAMIC else self.names)

    def _reads(self, name: str) -> bool:
        return name in self.names or bool(self.names & DYNAMIC)

    def _some(self, mapping: Any, names: list[str], prefix: str, shown: str = "") -> None:
        """Some of the values of a dictionary, or of what is like one."""
        values = _Some(mapping, names)
        self._place(prefix + shown, values, lambda: names, values.put)
        for name, value in zip(names, values, strict=True):
            self._visit(value, prefix + (shown or name))

    def _is_of_library(self, root: str) -> bool:
        """Whether a package is neither the user's nor that of one of the cell's modules."""
        return root in _LIBRARIES or (root not in self._own and _is_installed(root))

    def _place(self, path: str, values: Iterable[Any], names: Callable[[], Iterable[Any]], put: Any) -> None:
        if len(self.places) == LIMIT:
            raise UnwatchableError(f"its step can reach more than {LIMIT} objects; give the cell plain settings")
        self.places.append(Place(path, values, names, put))


class _Some:
    """The values of some names in a mapping, or in what is like one."""

    def __init__(self, mapping: Any, names: list[str]) -> None:
        self.mapping, self.names = mapping, names

    def __iter__(self) -> Iterator[Any]:
        return map(self.mapping.get, self.names, repeat(MISSING))

    def put(self, names: list[Any], values: list[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            if self.mapping.get(name, MISSING) is not value:
                if value is MISSING:
                    del self.mapping[name]
                else:
                    self.mapping[name] = value


class _Calls:
    """What a function returns now."""

    def __init__(self, function: Callable[[], Iterable[Any]]) -> None:
        self.function = function

    def __iter__(self) -> Iterator[Any]:
        return iter(self.function())


class _Attributes:
    """The attributes of an object without a dictionary, such as slots, as a mapping."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self.thing, name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        object.__setattr__(self.thing, name, value)

    def __delitem__(self, name: str) -> None:
        object.__delattr__(self.thing, name)


class _Closure(_Attributes):
    """The variable of an enclosing function; empty where nothing has been assigned yet."""

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return getattr(self.thing, name, default)
        except ValueError:
            return default


def _put_in_mapping(mapping: Any, names: list[Any], values: list[Any]) -> None:
    for name in [name for name in mapping if name not in names]:
        del mapping[name]
    mapping.update(zip(names, values, strict=True))


def _refill(container: Any, fill: Callable[[list[Any]], None], _: list[Any], values: list[Any]) -> None:
    container.clear()
    fill(values)


def _put_in_class(kind: type, names: list[Any], values: list[Any]) -> None:
    for name in [name for name in vars(kind) if name not in names]:
        delattr(kind, name)
    for name, value in zip(names, values, strict=True):
        if vars(kind).get(name, MISSING) is not value:
            setattr(kind, name, value)


def _set_torch(generator: torch.Generator, state: list[int]) -> None:
    generator.set_state(torch.tensor(state, dtype=torch.uint8))


def is_buffer(thing: Any) -> bool:
    """Whether an object holds numbers in memory, as array.array and ctypes have them."""
    try:
        memoryview(thing).release()
    except (TypeError, ValueError):
        return False
    return True


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _root(thing: Any) -> str:
    """The package of a class or function."""
    return str(getattr(thing, "__module__", None) or "builtins").partition(".")[0]


@cache
def _is_installed(root: str) -> bool:
    """Whether a package is one of Python's or was installed, and not written for the cell."""
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return root in _LIBRARIES or "site-packages" in file or "dist-packages" in file


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
