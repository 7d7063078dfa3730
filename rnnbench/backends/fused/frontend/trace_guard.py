"""Guards of a trace: when what it depends on changes, `step` is traced again."""

import operator
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.random import fork_rng

from rnnbench.backends.fused.frontend.reachable import MISSING, Reachable
from rnnbench.backends.fused.frontend.torch_private import TENSOR_DICTIONARIES

_FORM = operator.attrgetter("dtype", "device", "shape")


class TraceGuard:
    """What a step may read besides the numbers of its cell's parameters and buffers, as it was.

    Checked before every run, so it is kept cheap: the objects in all places are compared by identity, at once.
    """

    def __init__(self, cell: nn.Module) -> None:
        reachable = Reachable(cell)
        self._places, self._arrays, self._tensors = reachable.places, reachable.arrays, reachable.tensors
        self._generators, self.problem = reachable.states, reachable.problem
        self._thing_paths, self._things = (
            [path for path, _ in reachable.things],
            [thing for _, thing in reachable.things],
        )
        self._types = list(map(type, self._things))
        self._tensor_dictionaries = [vars(module)[kind] for module in cell.modules() for kind in TENSOR_DICTIONARIES]
        registered = [tensor for tensor in self._tensors_now() if tensor is not None]
        self._is_shared = reachable.is_shared or len({*map(id, registered)}) < len(registered)
        self._views = [place.values for place in self._places]
        self._then = [(list(place.names()), list(place.values)) for place in self._places]
        self._values = list(chain.from_iterable(self._views))
        self._ids = list(map(id, self._values))
        self._form = self._form_now()
        self._bytes = [_content(array) for _, array in self._arrays]
        self._numbers = [tensor.detach().clone() for _, tensor in self._tensors]
        self.note_generators()

    def note_generators(self) -> None:
        """Take generators and iterators to be where they are now."""
        self._states = [read() for _, read, _ in self._generators]

    def hold(self) -> bool:
        """Whether nothing has changed since, but for the numbers of parameters and buffers and for generators."""
        try:
            values = list(chain.from_iterable(self._views))
        except (RuntimeError, KeyError):  # another size
            return False
        if list(map(id, values)) != self._ids:
            if len(values) != len(self._ids) or not all(map(_same, values, self._values)):
                return False
            self._values, self._ids = values, list(map(id, values))
        return (
            self._form_now() == self._form
            and [_content(array) for _, array in self._arrays] == self._bytes
            and list(map(type, self._things)) == self._types
        )

    def changed(self) -> str | None:
        """The first thing that is not as it was, generators of random numbers among them; None: all is."""
        if not self.hold() and (path := self._changed_place()):
            return path
        for (path, tensor), numbers in zip(self._tensors, self._numbers, strict=True):
            if not same_numbers(tensor, numbers):
                return path
        for (path, read, _), then in zip(self._generators, self._states, strict=True):
            if repr(read()) != repr(then):
                return path
        return None

    def _changed_place(self) -> str | None:
        for place, (names, then) in zip(self._places, self._then, strict=True):
            now = dict(zip(place.names(), place.values, strict=True))
            for name, value in zip(names, then, strict=True):
                if not _same(now.pop(name, MISSING), value):
                    return _named(place.path, name)
            if now:
                return _named(place.path, next(iter(now)))
        for (path, array), content in zip(self._arrays, self._bytes, strict=True):
            if _content(array) != content:
                return path
        things = zip(self._thing_paths, self._things, self._types, strict=True)
        return next((f"the class of {path}" for path, thing, kind in things if type(thing) is not kind), None)

    def restore(self) -> None:
        """Put everything back as it was, but for iterators, which cannot be wound back."""
        if not self.hold():
            for place, (names, values) in zip(self._places, self._then, strict=True):
                place.put(names, values)
            for (_, array), content in zip(self._arrays, self._bytes, strict=True):
                if isinstance(array, np.ndarray):
                    array[...] = np.frombuffer(content, array.dtype).reshape(array.shape)
                elif _content(array) != content:
                    memoryview(array).cast("B")[:] = content
            for thing, kind in zip(self._things, self._types, strict=True):
                if type(thing) is not kind:
                    object.__setattr__(thing, "__class__", kind)
        with torch.no_grad():
            for (_, tensor), numbers in zip(self._tensors, self._numbers, strict=True):
                if not same_numbers(tensor, numbers):
                    tensor.copy_(numbers)
        for (_, _, write), then in zip(self._generators, self._states, strict=True):
            write(then)

    @property
    def held(self) -> dict[int, Tensor]:
        """The tensors that are no parameters or buffers of the cell, by their id."""
        return {id(tensor): tensor for _, tensor in self._tensors}

    def _tensors_now(self) -> Iterator[Tensor | None]:
        return chain.from_iterable(dictionary.values() for dictionary in self._tensor_dictionaries)

    def _form_now(self) -> list[Any]:
        """The types of the tensors, which `cell.double()` changes inside the tensors themselves.

        Of tensors that are reached in two ways which they are, since the trace knows one of the two.
        """
        tensors = [tensor for tensor in self._tensors_now() if tensor is not None]
        forms = [_FORM(tensor) for tensor in tensors] + [_FORM(tensor) for _, tensor in self._tensors]
        return [forms, list(map(id, tensors)) if self._is_shared else None]


@contextmanager
def generators_kept() -> Iterator[None]:
    """A block after which the global generators of torch, NumPy and Python are where they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - a step may use it
    try:
        with fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def tensors_kept(cell: nn.Module) -> Iterator[dict[int, Tensor]]:
    """A block after which the cell's tensors have the numbers and gradients that they had, and ask for the same.

    In it are the numbers by the tensors' ids. They are put back past autograd, which may keep a tensor for a backward
    pass.
    """
    distinct = {id(tensor): tensor for _, tensor in tensors_of(cell)}.values()
    known = [(tensor, tensor.detach().clone(), tensor.requires_grad, tensor.grad) for tensor in distinct]
    try:
        yield {id(tensor): numbers for tensor, numbers, *_ in known}
    finally:
        for tensor, numbers, wanted, gradient in known:
            if tensor.is_leaf:
                tensor.requires_grad_(wanted)
                tensor.grad = gradient
            if not same_numbers(tensor.detach(), numbers):
                tensor.data.copy_(numbers)


def same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are of one form and equal, NaN equal to NaN."""
    if _FORM(one) != _FORM(other):
        return False
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


def _same(one: Any, other: Any) -> bool:
    """Whether two objects are the same, or the same plain value."""
    if one is other:
        return True
    return type(one) is type(other) and isinstance(one, int | float | str) and repr(one) == repr(other)


def _content(array: Any) -> bytes:
    return array.tobytes() if isinstance(array, np.ndarray) else bytes(memoryview(array))


def _named(path: str, name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        return f"{path}[{name!r}]"
    return f"{path}{name}" if not path or path.endswith((".", " ")) else f"{path}.{name}"


def tensors_of(cell: nn.Module) -> list[tuple[str, Tensor]]:
    """Every tensor of a cell with its path, plain attributes included."""
    found = [*cell.named_parameters(remove_duplicate=False), *cell.named_buffers(remove_duplicate=False)]
    for prefix, module in cell.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                found.append((f"{prefix}.{name}" if prefix else name, value))
    return found
