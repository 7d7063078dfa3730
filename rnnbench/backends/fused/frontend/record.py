"""Recording a step: it is run once on real tensors, and every function of torch that it calls becomes a node.

A TorchFunctionMode sees every function, method and attribute of tensors. What Python asks about a tensor (its type, its
rank, its width) is therefore answered as in the plain loop; what depends on the values or the number of examples is
refused. A tensor that torch's functions did not make, or that changed since they made it, is refused where it is used:
so are results of a custom autograd.Function, whose gradient the recorded functions do not have.
"""

import math
import operator
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode

from rnnbench.backends.fused.frontend.equations import EQUATIONS
from rnnbench.backends.fused.frontend.source_lines import Line, line_of, located
from rnnbench.backends.fused.frontend.values import Batch, has_any
from rnnbench.backends.fused.ir.graph import UnsupportedStepError

METADATA = {
    *("dim", "ndimension", "ndim", "dtype", "device", "layout", "itemsize", "element_size", "get_device"),
    *("is_floating_point", "is_complex", "is_cuda", "is_cpu", "is_sparse", "is_quantized", "is_nested", "is_mps"),
}
"""What may be asked of any tensor: it is the same for every batch."""

_READS = {
    *("__bool__", "equal", "allclose", "is_nonzero", "__iter__", "__len__"),
    *("__float__", "__int__", "__index__", "__complex__"),
}
"""Functions that give Python a value of a tensor."""

_OPERATORS: dict[str, tuple[Callable[..., Any], bool]] = {
    "__rsub__": (operator.sub, True),
    "__rdiv__": (operator.truediv, True),
    "__rtruediv__": (operator.truediv, True),
    "__rpow__": (operator.pow, True),
    "__rmod__": (operator.mod, True),
    "__rmatmul__": (operator.matmul, True),
    "__pow__": (operator.pow, False),
    "__eq__": (operator.eq, False),
    "__ne__": (operator.ne, False),
    "__getitem__": (operator.getitem, False),
}
"""Methods behind operators: the operator, and whether its operands stand the other way round."""

_CHANGED = "a tensor that was changed in place, or whose gradient was; write h = h + y"
_CUSTOM = "a custom autograd.Function, whose backward cannot be compiled; write soft + (hard - soft).detach()"
_UNKNOWN = "a tensor that no recorded function of torch made; keep it as a buffer of the cell"


class Recorder(TorchFunctionMode):
    """The graph of the functions that a step calls, with the line, the shape and the type of each node's result."""

    def __init__(self, given: dict[int, tuple[str, Tensor]], held: dict[int, Tensor], batch: Batch) -> None:
        """`given` are the tensors of the cell with their paths, `held` others that its step may read, by their id."""
        super().__init__()
        self.given, self.held, self.batch = given, held, batch
        self.graph = fx.Graph()
        self.lines: dict[fx.Node, Line] = {}
        self.results: dict[fx.Node, Tensor] = {}
        self._refusal: UnsupportedStepError | None = None
        self._line: Line = None
        """The line of the step, once it has returned."""
        self._known: dict[int, tuple[fx.Node, Tensor, object, int]] = {}
        """By the id of a tensor its node, the tensor, and its history and version as they were then."""

    @property
    def problem(self) -> UnsupportedStepError | None:
        """Why the step is refused, also where the step itself has caught that."""
        return self._refusal or self.batch.refusal

    def argument(self, name: str, width: int, dtype: torch.dtype) -> Tensor:
        """An argument of the step: random numbers, (batch, width)."""
        tensor = torch.randn(int.__int__(self.batch), width, dtype=dtype).requires_grad_()
        self._remember(tensor, self.graph.placeholder(name))
        return tensor

    def node_of(self, tensor: Tensor) -> fx.Node:
        """The node of a tensor that the step uses or returns."""
        key = id(tensor)
        if key in self._known:
            node, _, history, version = self._known[key]
            if tensor.grad_fn is not history:
                custom = isinstance(tensor.grad_fn, torch.autograd.function.BackwardCFunction)
                self._refuse(_CUSTOM if custom else _CHANGED)
            if tensor._version != version:
                self._refuse(_CHANGED)
            return node
        if key in self.given:
            return self._remember(tensor, self._node("get_attr", self.given[key][0], (), {}))
        if key not in self.held:
            self._refuse(_UNKNOWN)
        return self._remember(tensor, self._node("call_function", _held, (tensor,), {}))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, named = _name_of(func), kwargs or {}
        if args and isinstance(args[0], Tensor):
            if name in METADATA:
                return func(*args, **named)
            if name in ("size", "shape"):
                return self._shape(args[0], *args[1:], **named)
            if name in ("numel", "nelement"):
                return math.prod(self._shape(args[0]))
            if name == "__len__" and not self._is_over_examples(*args):
                return len(*args)
        self._check_allowed(name, args, named)
        named = {key: value for key, value in named.items() if key != "inplace"}
        if func in EQUATIONS:
            with self:
                return EQUATIONS[func](*args, **named)
        nodes: Any = self._arguments(args), self._arguments(named)
        result = func(*args, **named)
        if isinstance(result, Tensor):
            if id(result) not in self._known and id(result) not in self.given:
                self._keep(result, self._call(func, name, *nodes), not torch.is_grad_enabled())
        elif isinstance(result, (tuple, list)) and result and all(isinstance(part, Tensor) for part in result):
            parent = self._call(func, name, *nodes)
            for index, part in enumerate(result):
                node = self._node("call_function", operator.getitem, (parent, index), {}, parent)
                self._keep(part, node, not torch.is_grad_enabled())
        elif name not in ("__eq__", "__ne__") and has_any(Tensor, (args, named)):  # h == None is false whatever h is
            self._refuse(f"{name}() of a tensor, which is no tensor")
        return result

    def _is_over_examples(self, input: Tensor, dim: int = 0) -> bool:
        return input.shape[dim] == int.__int__(self.batch)

    def _shape(self, tensor: Tensor, dim: int | None = None) -> Any:
        """The shape, the number of examples being a `Batch`."""
        examples = int.__int__(self.batch)
        shape = torch.Size(self.batch if int(size) == examples else size for size in tensor.shape)
        return shape if dim is None else shape[dim]

    def _check_allowed(self, name: str, args: Any, named: dict[str, Any]) -> None:
        is_in_place = name.endswith("_") and not name.endswith("__")
        is_in_place |= name.startswith("__i") and name not in ("__int__", "__index__", "__invert__", "__iter__")
        if is_in_place or named.get("inplace") or named.get("out") is not None:
            self._refuse(f"{name}() in place; write h = h + y")
        if name in ("__setitem__", "__set__", "__delete__"):
            self._refuse("an assignment to a tensor or one of its attributes; write torch.where or torch.cat")
        if torch.is_inference_mode_enabled():
            self._refuse("inference_mode; write torch.no_grad()")
        if name in _READS or (name == "unbind" and self._is_over_examples(*args, **named)):
            self._refuse(f"a value of a tensor in Python, {name}(); write torch.where(condition, a, b)")

    def _arguments(self, arguments: Any) -> Any:
        return map_aggregate(arguments, lambda value: self.node_of(value) if isinstance(value, Tensor) else value)

    def _call(self, func: Callable[..., Any], name: str, args: Any, named: Any) -> fx.Node:
        if name in _OPERATORS:
            target, is_swapped = _OPERATORS[name]
            return self._node("call_function", target, args[::-1] if is_swapped else args, named)
        if name == "data":
            return self._node("call_method", "detach", args, {})
        if getattr(func, "__name__", "") == "__get__":
            return self._node("call_function", getattr, (args[0], name), {})
        if getattr(func, "__qualname__", "").startswith(("TensorBase.", "Tensor.")):
            return self._node("call_method", name, args, named)
        return self._node("call_function", func, args, named)

    def _node(self, op: str, target: Any, args: Any, named: Any, like: fx.Node | None = None) -> fx.Node:
        node = self.graph.create_node(op, target, tuple(args), dict(named))
        self.lines[node] = self.lines[like] if like else line_of(sys._getframe(1))
        return node

    def _keep(self, tensor: Tensor, node: fx.Node, is_cut: bool) -> None:
        """Remember the result of a node, its gradient cut where torch computed it without one."""
        self.results[node] = tensor
        if is_cut:
            node = self._node("call_method", "detach", (node,), {}, node)
        self._remember(tensor, node)

    def _remember(self, tensor: Tensor, node: fx.Node) -> fx.Node:
        self.results[node] = tensor
        self._known[id(tensor)] = node, tensor, tensor.grad_fn, tensor._version
        return node

    def finish(self, results: list[Tensor], line: Line) -> None:
        """The step, defined on a line, has returned these tensors: nothing recorded may have changed since."""
        self._line = line
        self.graph.output(tuple(self.node_of(result) for result in results))
        for node, tensor, _, version in self._known.values():
            if tensor._version != version:
                self._refuse(located(_CHANGED, self.lines.get(node)))

    def _refuse(self, reason: str) -> NoReturn:
        line = next(reversed(self.lines.values()), self._line) if self._line else line_of(sys._getframe(1))
        error = UnsupportedStepError(located(reason, line))
        self._refusal = self._refusal or error
        raise error


def _held(tensor: Tensor) -> Tensor:
    return tensor


def _name_of(func: Callable[..., Any]) -> str:
    """The name of a function; of an attribute that is read, the attribute's."""
    name: str = getattr(func, "__name__", str(func))
    return func.__self__.__name__ if name == "__get__" else name  # type: ignore[attr-defined]
