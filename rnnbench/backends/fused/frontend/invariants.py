"""What a step computes of the cell's tensors alone: it is the same at every step, so torch computes it before the loop.

Such are parts and transposes of a weight, parametrised weights (torch.nn.utils.parametrize), and constants.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode

from rnnbench.backends.fused.frontend.values import Batch, Given, has_any
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.cells import Cell


def dtype_of(cell: Cell) -> torch.dtype:
    """The type that the cell computes in, that of its parameters."""
    return next(tensor.dtype for tensor in cell.parameters() if tensor.is_floating_point())


class Invariants:
    """The nodes of a trace that depend on no argument of `step`, with their values at the time of the trace."""

    def __init__(self, cell: Cell, dtype: torch.dtype) -> None:
        self.cell, self.dtype = cell, dtype
        self.values: dict[fx.Node, Any] = {}

    def include(self, node: fx.Node) -> bool:
        """Whether a node depends on the cell alone; its value is then known."""
        if any(argument not in self.values for argument in node.all_input_nodes) or has_any(
            Batch, (node.args, node.kwargs)
        ):
            return False
        drawn = torch.get_rng_state()
        with torch.no_grad():
            try:
                with _KnownShapes():  # type: ignore[no-untyped-call]
                    self.values[node] = _evaluated(node, self.cell, self.values)
            except UnsupportedStepError:
                raise
            except Exception as error:
                name = getattr(node.target, "__name__", node.target)
                raise UnsupportedStepError(f"{name}(): {str(error).strip().splitlines()[0]}") from error
        if not torch.equal(drawn, torch.get_rng_state()):
            torch.set_rng_state(drawn)
            raise UnsupportedStepError("random numbers of no example; write torch.rand_like(h)")
        return True

    def value(self, node: fx.Node) -> Any:
        """The value of such a node for a lowering."""
        value = self.values[node]
        if not isinstance(value, Tensor):
            return value
        return Given(str(node.target) if node.op == "get_attr" else _derived_path(node), value)

    def functions(self, paths: Iterable[str]) -> "Derived":
        """The computation of the tensors of some paths that no attribute of the cell has."""
        by_path = {_derived_path(node): node for node in self.values if node.op != "get_attr"}
        wanted = {path: by_path[path] for path in paths if path in by_path}
        needed = set(wanted.values())
        for node in reversed(self.values):
            if node in needed:
                needed.update(node.all_input_nodes)
        return Derived([node for node in self.values if node in needed], wanted, self.dtype)


class Derived:
    """Tensors that are computed from those of the cell, anew for every run."""

    def __init__(self, nodes: list[fx.Node], wanted: dict[str, fx.Node], dtype: torch.dtype) -> None:
        self.nodes, self.wanted, self.dtype = nodes, wanted, dtype
        self.paths = list(wanted)

    def tensors(self, cell: Cell) -> list[Tensor]:
        """The tensors, as functions of the cell's, in the type computed in."""
        values: dict[fx.Node, Any] = {}
        for node in self.nodes:
            values[node] = _evaluated(node, cell, values)
        return [values[node].to(self.dtype) for node in self.wanted.values()]


class _KnownShapes(TorchDispatchMode):
    """Refuses operations whose result has a shape that depends on numbers, such as an index by a mask."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.dynamic_output_shape in func.tags:
            raise UnsupportedStepError(f"{func.overloadpacket.__name__}() whose shape depends on numbers")
        return func(*args, **(kwargs or {}))


def _derived_path(node: fx.Node) -> str:
    """A name that no attribute has."""
    return f"{node.name}()"


def _evaluated(node: fx.Node, cell: Cell, values: dict[fx.Node, Any]) -> Any:
    arguments: Any = fx.map_arg(node.args, lambda argument: values[argument])
    named: Any = fx.map_arg(node.kwargs, lambda argument: values[argument])
    if node.op == "get_attr":
        return operator.attrgetter(str(node.target))(cell)
    if node.op == "call_method":
        return getattr(arguments[0], str(node.target))(*arguments[1:], **named)
    function: Callable[..., Any] = node.target  # type: ignore[assignment]
    return function(*arguments, **named)
