"""What a step may read besides the tensors of its cell, found by one walk from the cell.

Attributes, containers, objects, classes, globals, closures and default arguments are followed by the names in the code
of `step` and of all that it may call. What a change of could not be seen, such as an iterator or an object with slots,
is refused: such a cell runs in the plain loop.
"""

import sys
import types
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache, partial
from importlib.util import find_spec
from itertools import repeat
from typing import Any
from weakref import ref

import numpy as np
import torch
from torch import Tensor, nn

from rnnbench.backends.fused.frontend.cell_state import CALL_HOOKS, GLOBAL_HOOKS, TENSOR_DICTIONARIES
from rnnbench.backends.fused.frontend.places import (
    CODE,
    MISSING,
    Place,
    Read,
    code_of,
    contents,
    globals_read,
    modules_imported,
    names_read,
    put_classes,
    put_code,
    put_in_class,
    put_in_closure,
    put_some,
    refill,
)

LIMIT = 3000
"""The most places that are watched."""

_DYNAMIC = frozenset(
    {"getattr", "hasattr", "vars", "asdict", "astuple", "attrgetter", "methodcaller", "eval", "exec"}
    | {"__dict__", "__getattribute__", "__getattr__", "__getstate__"}
)
"""With one of these names code may read any attribute."""

_AMBIENT = frozenset(
    {"is_grad_enabled", "is_inference_mode_enabled", "is_autocast_enabled", "get_default_dtype", "get_num_threads"}
    | {"environ", "getenv", "getcontext"}
)
"""Functions and variables that are another at another call, of which no trace of the step remains."""

_PLAIN = (
    *(int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range, slice, np.generic),
    *(torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format, np.dtype),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodDescriptorType, types.WrapperDescriptorType),
    type(vars(namedtuple("_Pair", "first"))["first"]),
)
"""Types of values that do not change."""

_PARTS: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__func__", "__self__"),
    types.BuiltinFunctionType: ("__self__",),
    partial: ("func", "args", "keywords"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}
"""Types of what is called, with the attributes that are called or read then."""

_HEAP_TYPE = 1 << 9
"""The flag of classes whose attributes can change, which those of C have not."""

_NOT_CALLED = {"__init__", "__new__", "__repr__", "__hash__", "__reduce__", "__init_subclass__"}
_MAKERS = ("__new__", "__init__")
"""What makes an object of a class that the code names."""

_LIBRARIES = {*sys.stdlib_module_names, "torch", "numpy", "numba"}


class UnwatchableError(Exception):
    """Something is reached that cannot be watched."""


class _Bare:
    """An object whose state is its dictionary and nothing else."""


class Reachable:
    """The places that a step may read, and the tensors that are none of the cell's."""

    def __init__(self, cell: nn.Module) -> None:
        self.names = {"step", "forward"}
        self._own = {_root(type(module)) for module in cell.modules()}
        self._registered = {id(tensor) for tensor in (*cell.parameters(), *cell.buffers())}
        self.problem: str | None = None
        """Why not all is watched."""
        known = 0
        try:
            while known != len(self.names):  # code that is reached adds names, by which more is reached
                known = len(self.names)
                self._walk(cell)
        except UnwatchableError as error:
            self.problem = str(error)

    def _walk(self, cell: nn.Module) -> None:
        self.places: list[Place] = []
        self.tensors: list[tuple[str, Tensor]] = []
        """Tensors that are no parameters or buffers of the cell."""
        self.is_shared = False
        """Whether a parameter or buffer is reached in another way too."""
        self._seen: dict[int, object] = {}
        self._seen_classes = set[int]()
        self._functions: list[types.FunctionType] = []
        self._things: list[object] = []
        """Modules and objects, whose class may be exchanged."""
        for name, hooks in GLOBAL_HOOKS.items():
            self._mapping(hooks, name)
            if hooks and name.removeprefix("_global") in CALL_HOOKS:
                raise UnwatchableError("hooks of all modules")
        for path, module in cell.named_modules():
            self._visit(module, path)
        root, others = ref(cell), [thing for thing in self._things if thing is not cell]

        def things() -> list[object]:
            return [root(), *others]  # the cell itself may go

        put = partial(put_classes, things)
        functions = self._functions
        names = [f"{function.__qualname__}.{part}" for part in CODE for function in functions]
        self._place("", Read(lambda: code_of(functions)), lambda: names, partial(put_code, functions))
        self._place("the class of an object", Read(lambda: map(type, things())), lambda: range(1 + len(others)), put)

    def _visit(self, value: Any, path: str) -> None:
        if isinstance(value, _PLAIN) or id(value) in self._seen or type(value) is object:
            return
        self._seen[id(value)] = value
        if getattr(value, "__name__", None) in _AMBIENT:
            raise UnwatchableError(f"its step may ask for {path}, which may be another at the next call")
        kinds: tuple[tuple[Any, Callable[[Any, str], None]], ...] = (
            (Tensor, self._tensor),
            (np.ndarray, self._array),
            (nn.Module, self._module),
            (Enum, self._enum),
            (types.FunctionType, self._function),
            (tuple(_PARTS), self._parts),
            (type, self._named_class),
            (types.ModuleType, self._python_module),
            (dict, self._mapping),
            ((list, set), self._list),
            ((tuple, frozenset), self._each),
            (object, self._object),
        )
        next(visit for kind, visit in kinds if isinstance(value, kind))(value, path)
        is_container = isinstance(value, (dict, list, set, tuple, frozenset))
        if is_container and hasattr(value, "__dict__") and type(value) is not OrderedDict:  # as torch's of hooks are
            self._attributes(value, path)

    def _each(self, values: Iterable[Any], path: str) -> None:
        for index, value in enumerate(values):
            self._visit(value, f"{path}[{index}]")

    def _parts(self, value: Any, path: str) -> None:
        names = next(names for kind, names in _PARTS.items() if isinstance(value, kind))
        self._each((getattr(value, name) for name in names), path)

    def _tensor(self, tensor: Tensor, path: str) -> None:
        if id(tensor) in self._registered:
            self.is_shared = True
        else:
            self.tensors.append((path, tensor))
            self._attributes_of_tensor(tensor, path)

    def _attributes_of_tensor(self, tensor: Tensor, path: str) -> None:
        """What Python has set on a tensor; which tensor has it then matters."""
        attributes = vars(tensor)
        self._place(path, attributes.values(), attributes.keys, partial(refill, attributes))
        self.is_shared |= bool(attributes)
        for name, value in attributes.items():
            if name in self.names or self.names & _DYNAMIC:
                self._visit(value, f"{path}.{name}")

    def _enum(self, member: Enum, path: str) -> None:
        if not self._is_of_library(_root(type(member))):
            self._some(vars(member), sorted(self.names.union(vars(member))), f"{path}.")
            self._classes_of(member)

    def _array(self, array: Any, path: str) -> None:
        def put(_: list[Any], content: list[Any]) -> None:
            array[...] = np.frombuffer(content[0], array.dtype).reshape(array.shape)

        if array.dtype.hasobject:
            raise UnwatchableError(f"its step may read {path}, an array of objects")
        self._place(path, Read(lambda: (array.tobytes(),)), lambda: ("",), put)

    def _module(self, module: nn.Module, path: str) -> None:
        attributes = vars(module)
        for mapping in (attributes, attributes["_modules"]):
            self._place(path, mapping.values(), mapping.keys, partial(refill, mapping))
        for name, value in attributes.items():
            if name in TENSOR_DICTIONARIES:
                for own, tensor in value.items():
                    if tensor is not None:
                        self._attributes_of_tensor(tensor, _joined(path, own))
            elif name in CALL_HOOKS:
                self._mapping(value, _joined(path, name))
                if value and path:  # the cell's own are run by no step
                    raise UnwatchableError(f"{path} has hooks; use torch.nn.utils.parametrize")
            elif name in self.names or self.names & _DYNAMIC:
                self._visit(value, _joined(path, name))
        self._classes_of(module)

    def _mapping(self, mapping: dict[Any, Any], path: str) -> None:
        self._place(path, mapping.values(), mapping.keys, partial(refill, mapping))
        for name, value in list(mapping.items()):
            self._visit(value, f"{path}[{name!r}]")

    def _list(self, values: Any, path: str) -> None:
        fill = values.extend if isinstance(values, list) else values.update
        self._place(path, values, lambda: range(len(values)), lambda _, then: (values.clear(), fill(then)))
        self._each(values, path)

    def _function(self, function: types.FunctionType, path: str) -> None:
        if self._is_of_library(_root(function)):
            return
        self._functions.append(function)
        code, known = function.__code__, function.__globals__
        self.names |= names_read(code)
        for name in _AMBIENT & names_read(code):
            raise UnwatchableError(f"its step may ask for {name}, which may be another at the next call")
        self._some(known, list(globals_read(code)), "global ")
        for name in modules_imported(code):
            if name.startswith(".") or not self._is_of_library(name.partition(".")[0]):
                raise UnwatchableError(f"{path} imports {name} while it runs; import it at the top of the file")
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            put = partial(put_in_closure, cell)
            self._place(name, Read(partial(contents, cell)), lambda: ("",), put)
            self._visit(contents(cell)[0], name)
        self._each(function.__defaults__ or (), f"{path}'s defaults")
        self._mapping(function.__kwdefaults__ or {}, f"{path}'s defaults")
        self._mapping(vars(function), path)

    def _python_module(self, module: types.ModuleType, path: str) -> None:
        if not self._is_of_library(module.__name__.partition(".")[0]):
            self._some(vars(module), [name for name in vars(module) if name in self.names], f"{path}.")

    def _named_class(self, kind: type, path: str) -> None:
        """A class that the code names: it may make objects of it."""
        for each in kind.__mro__:
            if each is nn.Module:
                return
            self._class(each, path)
            is_users = each.__flags__ & _HEAP_TYPE and not self._is_of_library(_root(each))
            if is_users and not issubclass(kind, nn.Module):
                self._each((vars(each).get(name) for name in _MAKERS), each.__name__)
                self.names |= {name for name in vars(each).get("__match_args__", ()) if isinstance(name, str)}

    def _class(self, kind: type, path: str) -> None:
        if id(kind) in self._seen_classes or not kind.__flags__ & _HEAP_TYPE:
            return
        self._seen_classes.add(id(kind))
        attributes = vars(kind)
        self._place(kind.__name__, attributes.values(), attributes.keys, partial(put_in_class, kind))
        if self._is_of_library(_root(kind)):
            return
        self._visit(type(kind), f"type({kind.__name__})")
        for name, value in list(attributes.items()):
            if name in self.names or (name.startswith("__") and name not in _NOT_CALLED and callable(value)):
                self._visit(value, f"{kind.__name__}.{name}")

    def _classes_of(self, thing: object) -> None:
        self._things.append(thing)
        for kind in type(thing).__mro__:
            if kind is nn.Module:
                return
            if isinstance(thing, nn.Module) or not self._is_of_library(_root(kind)):
                self._class(kind, kind.__name__)

    def _object(self, thing: Any, path: str) -> None:
        """An object of any other class: of a user's the attributes that the code names, of a library's all."""
        if type(thing).__basicsize__ != _Bare.__basicsize__ or not hasattr(thing, "__dict__"):
            kind = type(thing).__name__
            raise UnwatchableError(f"its step may read {path}, of type {kind}, whose changes cannot be seen")
        self._attributes(thing, path)

    def _attributes(self, thing: Any, path: str) -> None:
        reads_all = self.names & _DYNAMIC or self._is_of_library(_root(type(thing)))
        self._some(vars(thing), sorted(self.names.union(vars(thing)) if reads_all else self.names), f"{path}.")
        self._classes_of(thing)

    def _some(self, mapping: Any, names: list[str], prefix: str) -> None:
        """Some of the values of a dictionary, those that it may yet get among them."""
        values = Read(lambda: map(mapping.get, names, repeat(MISSING)))
        self._place(prefix, values, lambda: names, partial(put_some, mapping))
        for name, value in zip(names, values, strict=True):
            self._visit(value, prefix + name)

    def _is_of_library(self, root: str) -> bool:
        """Whether a package is neither the user's nor that of one of the cell's modules."""
        return root in _LIBRARIES or (root not in self._own and _is_installed(root))

    def _place(self, path: str, values: Iterable[Any], names: Callable[[], Iterable[Any]], put: Any) -> None:
        if len(self.places) == LIMIT:
            raise UnwatchableError(f"its step can reach more than {LIMIT} objects; give the cell plain settings")
        self.places.append(Place(path, values, names, put))


def _root(thing: Any) -> str:
    return str(getattr(thing, "__module__", None) or "builtins").partition(".")[0]


@cache
def _is_installed(root: str) -> bool:
    """Whether a package was installed, and not written for the cell."""
    known = sys.modules.get(root)
    file = (getattr(known, "__file__", None) if known else _file_of(root)) or ""
    return "site-packages" in file or "dist-packages" in file


def _file_of(root: str) -> str | None:
    """The file of a package that is not imported yet."""
    try:
        spec = find_spec(root)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
