"""From a cell's `step` to a graph: torch.fx runs `step` once on proxies and records the operations on them."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.overrides import TorchFunctionMode

from rnnbench.backends.fused.frontend.invariants import Derived
from rnnbench.backends.fused.frontend.lower import lower
from rnnbench.backends.fused.frontend.remedies import CONTROL_FLOW, IN_PLACE, ITERATION, NUMBER, OUTSIDE
from rnnbench.backends.fused.frontend.source_lines import Line, line_in, line_of, located
from rnnbench.backends.fused.frontend.torch_cells import equations_of
from rnnbench.backends.fused.frontend.torch_private import PLACEHOLDER, has_hooks
from rnnbench.backends.fused.frontend.trace_guard import tensors_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.backends.fused.ir.nodes import Linear, Parameter
from rnnbench.cells import Cell


@dataclass(frozen=True)
class Traced:
    """The graph of a step, and the tensors that it reads without the cell having them."""

    graph: Graph
    derived: Derived


def trace(cell: Cell) -> Traced:
    """The graph of a cell's step.

    Raises UnsupportedStepError, naming the operation and its line, for anything but products with matrices of the cell,
    elementwise arithmetic and the functions of `lowerings`.
    """
    if "step" in vars(cell):
        raise UnsupportedStepError("a step that is an attribute of the object, not a method of its class")
    with _Unchanged(cell):
        graph, lines = _recorded(cell)
        lowered, invariants = lower(graph, cell, widths_of_states(cell), lines)
    linears = [lowered.at(position, Linear) for position in lowered.positions(Linear)]
    paths = [path for linear in linears for path in (linear.weight, linear.bias)]
    paths += [lowered.at(position, Parameter).path for position in lowered.positions(Parameter)]
    return Traced(lowered, invariants.functions(paths))


def widths_of_states(cell: Cell) -> tuple[int, ...]:
    """The widths of the tensors of a cell's state.

    Raises UnsupportedStepError where one is not (batch, width) or not real.
    """
    widths = []
    with torch.no_grad():
        initial = cell.initial_state(2)
    for name, tensor in zip(cell.state_names, initial, strict=True):
        if tensor.dim() != 2 or tensor.shape[0] != 2 or not tensor.shape[1]:
            shape = ", ".join(["batch", *map(str, tensor.shape[1:])])
            raise UnsupportedStepError(f"the state tensor {name} is ({shape}), not (batch, features)")
        if not tensor.is_floating_point():
            raise UnsupportedStepError(
                f"the state tensor {name} has dtype {tensor.dtype}; write complex numbers as two real tensors"
            )
        widths.append(tensor.shape[1])
    if widths[0] != cell.hidden_size:
        raise UnsupportedStepError(f"h has {widths[0]} features, not hidden_size={cell.hidden_size}")
    return tuple(widths)


def _recorded(cell: Cell) -> tuple[fx.Graph, dict[fx.Node, Line]]:
    tracer = _StepTracer()
    try:
        with _Recording(tracer):
            return tracer.trace(cell, concrete_args=_arguments(cell)), tracer.lines
    except UnsupportedStepError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, TypeError) or "Proxy" in reason:
            reason = OUTSIDE
        raise UnsupportedStepError(located(reason, line_in(error.__traceback__))) from error


def _arguments(cell: Cell) -> dict[str, Any]:
    """What `step` is called with beside x: the state tensors as proxies, further arguments at their defaults."""
    _, state, *others = inspect.signature(cell.step).parameters.values()
    if any(argument.default is inspect.Parameter.empty for argument in others):
        raise UnsupportedStepError("step takes more than x and the state")
    states = tuple(PLACEHOLDER for _ in cell.state_names)
    return {state.name: states, **{argument.name: argument.default for argument in others}}


class _Unchanged:
    """Puts buffers, plain tensors and torch's generator back as they were; a step that changes a tensor is refused."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.drawn = torch.get_rng_state()
        tensors = tensors_of(cell)
        self.known = [(path, t, t.detach().clone()) for path, t in tensors if not isinstance(t, nn.Parameter)]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self.drawn)
        changed = [path for path, tensor, then in self.known if not torch.equal(tensor, then)]
        for _path, tensor, then in self.known:
            with torch.no_grad():
                tensor.copy_(then)
        if changed:
            raise UnsupportedStepError(f"step changes {changed[0]}; keep it as a tensor of the state")


class _Recording(TorchFunctionMode):
    """Records functions of torch that meet no proxy, such as torch.eye: else the trace would have their values only."""

    def __init__(self, tracer: "_StepTracer") -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        if isinstance(result, Tensor):
            return self.tracer.create_proxy("call_function", func, args, named)
        return result


class _StepProxy(fx.Proxy):
    """A proxy that knows in-place operators; fx would take `h += y` for `h = h + y`, and leave h as it was."""

    def _refuse(self, other: Any) -> Any:
        raise UnsupportedStepError(located(IN_PLACE, line_of(sys._getframe(1))))

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse

    def _as_number(self) -> Any:
        raise UnsupportedStepError(located(NUMBER, line_of(sys._getframe(1))))

    __float__ = __int__ = __index__ = _as_number

    def __len__(self) -> int:
        return _chunks_of(self.node) or self._as_number()


def _chunks_of(node: fx.Node) -> int | None:
    """How many values a node is, where it is a chunk()."""
    if node.target not in (torch.chunk, "chunk"):
        return None
    count = node.kwargs.get("chunks", node.args[1] if len(node.args) > 1 else None)
    return count if isinstance(count, int) else None


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
        return type(m) is nn.Linear or isinstance(m, ParametrizationList)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        equations = None if has_hooks(m) else equations_of(m)
        return super().call_module(m, forward, args, kwargs) if equations is None else equations(*args, **kwargs)

    def create_node(self, *arguments: Any, **named: Any) -> fx.Node:
        node = super().create_node(*arguments, **named)
        self.lines[node] = line_of(sys._getframe(1))
        return node

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            for name, tensor in tensors_of(self.root):
                if tensor is a:
                    return self.create_node("get_attr", name, (), {})
            raise UnsupportedStepError(
                located("a tensor made inside step by other than torch's functions", line_of(sys._getframe(1)))
            )
        return super().create_arg(a)

    def to_bool(self, obj: fx.Proxy) -> bool:
        raise UnsupportedStepError(located(CONTROL_FLOW, line_of(sys._getframe(1))))

    def iter(self, obj: Any) -> Any:
        if count := _chunks_of(obj.node):
            return iter([obj[index] for index in range(count)])
        try:
            return super().iter(obj)
        except fx.proxy.TraceError as error:
            raise UnsupportedStepError(located(ITERATION, line_of(sys._getframe(1)))) from error
