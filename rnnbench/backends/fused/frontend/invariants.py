"""What a step computes of the cell's tensors alone: it is the same at every step, so torch computes it before the loop.

Such are parts and transposes of a weight, parametrised weights (torch.nn.utils.parametrize), and constants.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.fx.node import map_aggregate
from torch.utils._python_dispatch import TorchDispatchMode

from rnnbench.backends.fused.frontend.values import Given, all_of
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.cells import Cell


def dtype_of(cell: Cell) -> torch.dtype:
    """The type that the cell computes in, that of its parameters."""
    return next(tensor.dtype for tensor in cell.parameters() if tensor.is_floating_point())


def same_at_every_step(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What a function gives for tensors of the cell. Raises UnsupportedStepError where it may be another each time."""
    drawn = torch.get_rng_state()
    with _KnownShapes():  # type: ignore[no-untyped-call]
        result = func(*args, **named)
    if not torch.equal(drawn, torch.get_rng_state()):
        raise UnsupportedStepError("random numbers of no example; write torch.rand_like(h)")
    return result


class Derived:
    """Tensors that are computed from those of the cell, anew for every run."""

    def __init__(self, paths: Iterable[str], known: list[Given], dtype: torch.dtype) -> None:
        """Those of some paths that no attribute of the cell has; `known` are in an order for computing them."""
        by_path = {given.path: given for given in known if given.function is not None}
        self.wanted = {path: by_path[path] for path in paths if path in by_path}
        self.paths, self.dtype = list(self.wanted), dtype
        needed = set(self.wanted.values())
        for given in reversed(known):
            if given in needed:
                needed.update(all_of(Given, (given.operands, given.settings)))
        self._order = [given for given in known if given in needed]

    def tensors(self, cell: Cell) -> list[Tensor]:
        """The tensors, as functions of the cell's, in the type computed in."""
        values: dict[Any, Any] = {}
        for given in self._order:
            if given.function is None:
                values[given] = attrgetter(given.path)(cell)
                continue
            both = given.operands, given.settings
            operands, settings = map_aggregate(both, lambda each: values[each] if isinstance(each, Given) else each)
            values[given] = given.function(*operands, **settings)
        return [values[given].to(self.dtype) for given in self.wanted.values()]


def _is_by_positions(func: Any, args: Any) -> bool:
    """Whether it is an index by whole numbers alone, whose result has their shape."""
    masks = (torch.bool, torch.uint8)
    return func is torch.ops.aten.index.Tensor and not any(
        index is not None and index.dtype in masks for index in args[1]
    )


class _KnownShapes(TorchDispatchMode):
    """Refuses operations whose result has a shape that depends on numbers, such as an index by a mask."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.dynamic_output_shape in func.tags and not _is_by_positions(func, args):
            raise UnsupportedStepError(f"{func.overloadpacket.__name__}() whose shape depends on numbers")
        return func(*args, **(kwargs or {}))
