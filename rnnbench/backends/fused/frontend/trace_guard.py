"""Guards of a trace: when what it depends on changes, `step` is traced again."""

from collections.abc import Sized
from itertools import chain
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.backends.fused.frontend.cell_state import TENSOR_DICTIONARIES, form_of, same_numbers
from rnnbench.backends.fused.frontend.places import MISSING
from rnnbench.backends.fused.frontend.reachable import Reachable

_PLAIN_TENSORS = (Tensor, nn.Parameter)
_END = object()
"""Behind the last value, so that fewer values or more are noticed."""


class TraceGuard:
    """What a step may read besides the numbers of its cell's parameters and buffers, as it was.

    Checked before every run, so it is kept cheap: the objects in all places are compared by identity, at once.
    """

    def __init__(self, cell: nn.Module) -> None:
        reachable = Reachable(cell)
        self.problem = reachable.problem
        """Why not all that the step may read is watched."""
        self._places, self._tensors = reachable.places, reachable.tensors
        registries = [vars(module)[kind] for module in cell.modules() for kind in TENSOR_DICTIONARIES]
        self._registries = [registry.values() for registry in registries if registry]
        registered = self._registered()
        self._is_shared = reachable.is_shared or len({*map(id, registered)}) < len(registered)
        views = [place.values for place in self._places]
        self._empty = [values for values in views if isinstance(values, Sized) and not len(values)]
        self._empty += [registry for registry in registries if not registry]
        """Most are dictionaries of hooks; asking for their lengths is faster than going through them."""
        self._views = [values for values in views if not isinstance(values, Sized) or len(values)]
        self._then = [(list(place.names()), list(place.values)) for place in self._places]
        self._values = [*chain.from_iterable(self._views), _END]
        self._form = self._form_now()
        self._numbers = [tensor.detach().clone() for _, tensor in self._tensors]

    def hold(self) -> bool:
        """Whether nothing has changed since, but for the numbers of parameters and buffers."""
        if any(map(len, self._empty)):
            return False
        try:
            if not all(map(is_, chain(chain.from_iterable(self._views), [_END]), self._values)):
                values = [*chain.from_iterable(self._views), _END]
                if len(values) != len(self._values) or not all(map(_same, values, self._values)):
                    return False
                self._values = values
        except (RuntimeError, KeyError):  # another size
            return False
        return self._form_now() == self._form

    def changed(self) -> str | None:
        """The first thing that is not as it was; None: all is."""
        if not self.hold():
            for place, (names, values) in zip(self._places, self._then, strict=True):
                then, now = (dict(zip(*each, strict=True)) for each in ((names, values), (place.names(), place.values)))
                for name in {**then, **now}:
                    if not _same(now.get(name, MISSING), then.get(name, MISSING)):
                        return _named(place.path, name)
            return "something that it reads"
        pairs = zip(self._tensors, self._numbers, strict=True)
        return next((path for (path, tensor), numbers in pairs if not same_numbers(tensor, numbers)), None)

    def restore(self) -> None:
        """Put everything back as it was."""
        if not self.hold():
            for place, (names, values) in zip(self._places, self._then, strict=True):
                place.put(names, values)
        with torch.no_grad():
            for (_, tensor), numbers in zip(self._tensors, self._numbers, strict=True):
                if not same_numbers(tensor, numbers):
                    tensor.copy_(numbers)

    @property
    def held(self) -> dict[int, Tensor]:
        """The tensors that are no parameters or buffers of the cell, by their id."""
        return {id(tensor): tensor for _, tensor in self._tensors}

    def _registered(self) -> list[Tensor]:
        return [tensor for tensor in chain.from_iterable(self._registries) if tensor is not None]

    def _form_now(self) -> list[Any]:
        """The types of the tensors, which `cell.double()` changes inside the tensors themselves, and the default one.

        Of tensors that are reached in two ways which they are, since the trace knows one of the two.
        """
        tensors = self._registered()
        forms = list(map(form_of, tensors)) + [form_of(tensor) for _, tensor in self._tensors]
        kinds = [None if kind in _PLAIN_TENSORS else kind for kind in map(type, tensors)]
        return [forms, kinds, torch.get_default_dtype(), list(map(id, tensors)) if self._is_shared else None]


def _same(one: Any, other: Any) -> bool:
    """Whether two objects are the same, or the same plain value."""
    if one is other or type(one) is not type(other):
        return one is other
    return one == other if isinstance(one, bytes) else isinstance(one, int | float | str) and repr(one) == repr(other)


def _named(path: str, name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        return f"{path}[{name!r}]" if name != "" else path
    return f"{path}{name}" if not path or path.endswith((".", " ")) else f"{path}.{name}"
