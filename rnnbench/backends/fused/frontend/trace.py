"""From a cell's `step` to a graph: torch.fx runs `step` once on proxies and records the operations on them."""

import inspect
import sys
from typing import Any

from torch import Tensor, fx, nn

from rnnbench.backends.fused.frontend.lower import lower
from rnnbench.backends.fused.frontend.source_lines import Line, line_in, line_of, place_of
from rnnbench.backends.fused.frontend.torch_private import PLACEHOLDER
from rnnbench.backends.fused.frontend.trace_guard import tensors_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.cells import Cell


def trace(cell: Cell) -> Graph:
    """The graph of a cell's step.

    Raises UnsupportedStepError, naming the operation and its line, for anything but Linear, elementwise arithmetic and
    the elementwise functions of `lowerings`.
    """
    if "step" in vars(cell):
        raise UnsupportedStepError("a step that is an attribute of the object, not a method of its class")
    tracer = _StepTracer()
    try:
        traced = tracer.trace(cell, concrete_args=_arguments(cell))
    except UnsupportedStepError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnsupportedStepError(f"{reason}{place_of(line_in(error.__traceback__))}") from error
    return lower(traced, cell, tracer.lines)


def _arguments(cell: Cell) -> dict[str, Any]:
    """What `step` is called with beside x: the state tensors as proxies, further arguments at their defaults."""
    _, state, *others = inspect.signature(cell.step).parameters.values()
    if any(argument.default is inspect.Parameter.empty for argument in others):
        raise UnsupportedStepError("step takes more than x and the state")
    states = tuple(PLACEHOLDER for _ in cell.state_names)
    return {state.name: states, **{argument.name: argument.default for argument in others}}


class _StepProxy(fx.Proxy):
    """A proxy that knows in-place operators; fx would take `h += y` for `h = h + y`, and leave h as it was."""

    def _refuse(self, other: Any) -> Any:
        raise UnsupportedStepError(f"an operator in place{place_of(line_of(sys._getframe(1)))}")

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse


class _StepTracer(fx.Tracer):
    """Traces `step` instead of `forward`, keeps Linear whole, and remembers the line of every node."""

    traced_func_name = "step"
    proxy_buffer_attributes = True

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[fx.Node, Line] = {}

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _StepProxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) is nn.Linear

    def create_node(self, *arguments: Any, **named: Any) -> fx.Node:
        node = super().create_node(*arguments, **named)
        self.lines[node] = line_of(sys._getframe(1))
        return node

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            for name, tensor in tensors_of(self.root):
                if tensor is a:
                    return self.create_node("get_attr", name, (), {})
            raise UnsupportedStepError(f"a tensor made inside step{place_of(line_of(sys._getframe(1)))}")
        return super().create_arg(a)
