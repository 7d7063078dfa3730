"""Recording a step: it is called once with real tensors, and every function of torch that it calls is lowered to nodes.

A TorchFunctionMode sees every function, method and attribute of tensors. What Python asks about a tensor (its type, its
rank, its width) is therefore answered as in the plain loop; what depends on the values or the number of examples is
refused. A tensor that torch's functions did not make, or that changed since they made it, is refused where it is used:
so are results of a custom autograd.Function, whose gradient the nodes do not have.
"""

import builtins
import math
import operator
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode

from rnnbench.backends.fused.frontend.cell_state import tensors_of
from rnnbench.backends.fused.frontend.equations import EQUATIONS
from rnnbench.backends.fused.frontend.invariants import dtype_of, same_at_every_step
from rnnbench.backends.fused.frontend.lower import Call, Lowering, name_of
from rnnbench.backends.fused.frontend.source_lines import Line, line_of, located
from rnnbench.backends.fused.frontend.values import Batch, Given, Operand, Value, all_of
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import UnsupportedStepError
from rnnbench.cells import Cell

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

_OPERATORS = {
    **{f"__{name}__": getattr(operator, name) for name in ("pow", "eq", "ne", "getitem")},
    **{f"__r{name}__": getattr(operator, name) for name in ("sub", "truediv", "pow", "matmul")},
    "__rdiv__": operator.truediv,
}
"""Methods behind operators; those with an r have their operands the other way round."""

_CHANGED = "a tensor that was changed in place, or whose gradient was; write h = h + y"
_CUSTOM = "a custom autograd.Function, whose backward cannot be compiled; write soft + (hard - soft).detach()"
_UNKNOWN = "a tensor that no recorded function of torch made; keep it as a buffer of the cell"


class _Known(NamedTuple):
    """A tensor, its value, and its history, its version and the line of the step as they were when it was made."""

    tensor: Tensor
    value: Operand
    history: object
    version: int
    line: Line


class Recorder(TorchFunctionMode):
    """The graph of a step that is called with `arguments` inside of it."""

    def __init__(self, cell: Cell, widths: tuple[int, ...], held: dict[int, Tensor], batch: Batch) -> None:
        """`widths` are those of the states, `held` the tensors that the step may read besides the cell's, by id."""
        super().__init__()
        self.widths, self.held, self.batch, self.examples = widths, held, batch, int.__int__(batch)
        self.of_cell = {id(tensor): (path, tensor) for path, tensor in reversed(tensors_of(cell))}
        self.lowering = Lowering(self.examples, dtype_of(cell))
        self.givens: list[Given] = []
        """In the order in which they were computed."""
        self.calls: list[tuple[Line, str]] = []
        """The functions of torch with their arguments, and what the step returned."""
        self._refusal: UnsupportedStepError | None = None
        self._unknown: UnsupportedStepError | None = None
        """Why there is no graph, where nothing else is wrong."""
        self._line: Line = None
        self._paths = Counter[str]()
        self._known: dict[int, _Known] = {}
        """By the id of the tensor."""
        states = [nodes.State(width=width, index=index) for index, width in enumerate(widths)]
        self.arguments = [self._argument(node) for node in (nodes.Input(width=cell.input_size), *states)]

    @property
    def problem(self) -> UnsupportedStepError | None:
        """Why the step is refused, also where the step itself has caught that."""
        return self._refusal or self.batch.refusal

    def _argument(self, node: nodes.Node) -> Tensor:
        """Random numbers (batch, width)."""
        tensor = torch.randn(self.examples, node.width or 1, dtype=self.lowering.dtype).requires_grad_()
        self._remember(tensor, Value(self.lowering.graph.add(node)))
        return tensor

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._line = line_of(sys._getframe(1))
        try:
            return self._called(func, args, kwargs or {})
        except UnsupportedStepError as error:
            refusal = UnsupportedStepError(located(str(error), self._line))
            self._refusal = self._refusal or refusal
            raise refusal from error

    def _called(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        name = name_of(func)
        if args and isinstance(args[0], Tensor):
            if name in METADATA:
                return func(*args, **named)
            if name in ("size", "shape"):
                return self._shape(args[0], *args[1:], **named)
            if name in ("numel", "nelement"):
                return math.prod(self._shape(args[0]))
            if name == "__len__" and not self._is_over_examples(*args):
                return len(*args)
        if reason := self._reason_against(name, args, named):
            raise UnsupportedStepError(reason)
        named = {key: value for key, value in named.items() if key != "inplace"}
        if func in EQUATIONS:
            with self:
                return EQUATIONS[func](*args, **named)
        if name in _OPERATORS:
            func, args = _OPERATORS[name], args[::-1] if name.startswith("__r") else args
        operands, settings = self._operands(args), self._operands(named)
        is_given = not all_of((Value, Batch), (operands, settings))
        result = same_at_every_step(func, args, named) if is_given else func(*args, **named)
        call = Call(func, args, named, operands, settings)
        if isinstance(result, Tensor):
            if id(result) not in self._known and id(result) not in self.of_cell:
                self._record(call, result, is_given)
        elif isinstance(result, (tuple, list)) and result and all(isinstance(part, Tensor) for part in result):
            self._record(call, result, is_given)
        elif name not in ("__eq__", "__ne__") and all_of(Tensor, (args, named)):  # h == None is false whatever h is
            raise UnsupportedStepError(f"{name}() of a tensor, which is no tensor")
        return result

    def _is_over_examples(self, input: Tensor, dim: int = 0) -> bool:
        return input.shape[dim] == self.examples

    def _shape(self, tensor: Tensor, dim: int | None = None) -> Any:
        """The shape, the number of examples being a `Batch`."""
        shape = torch.Size(self.batch if int(size) == self.examples else size for size in tensor.shape)
        return shape if dim is None else shape[dim]

    def _reason_against(self, name: str, args: Any, named: dict[str, Any]) -> str | None:
        is_in_place = name.endswith("_") and not name.endswith("__")
        is_in_place |= name.startswith("__i") and name not in ("__int__", "__index__", "__invert__", "__iter__")
        if is_in_place or named.get("inplace") or named.get("out") is not None:
            return f"{name}() in place; write h = h + y"
        if name in ("__setitem__", "__set__", "__delete__"):
            return "an assignment to a tensor or one of its attributes; write torch.where or torch.cat"
        if torch.is_inference_mode_enabled():
            return "inference_mode; write torch.no_grad()"
        if name in _READS or (name == "unbind" and self._is_over_examples(*args, **named)):
            return f"a value of a tensor in Python, {name}(); write torch.where(condition, a, b)"
        return None

    def _operands(self, arguments: Any) -> Any:
        return map_aggregate(arguments, lambda value: self._operand(value) if isinstance(value, Tensor) else value)

    def _operand(self, tensor: Tensor) -> Operand:
        """The value of a tensor that the step uses or returns."""
        if known := self._known.get(id(tensor)):
            if tensor.grad_fn is not known.history:
                custom = isinstance(tensor.grad_fn, torch.autograd.function.BackwardCFunction)
                raise UnsupportedStepError(_CUSTOM if custom else _CHANGED)
            if tensor._version != known.version:
                raise UnsupportedStepError(_CHANGED)
            return known.value
        if id(tensor) in self.of_cell:
            given = Given(self.of_cell[id(tensor)][0], tensor)
        elif id(tensor) in self.held:
            given = Given(self._path("_held"), tensor, lambda: tensor)
            self.calls.append((self._line, f"tensor {id(tensor)}"))
        else:
            raise UnsupportedStepError(_UNKNOWN)
        self.givens.append(given)
        self._remember(tensor, given)
        return given

    def _record(self, call: Call, result: Any, is_given: bool) -> None:
        """What a function gave, one tensor or several."""
        self.calls.append((self._line, f"{call.target} {call.operands} {call.settings}"))
        path = self._path("getattr" if call.target is getattr else call.name)
        whole = Given(path, result, call.func, call.operands, call.settings)
        parts, values = [result], list[Operand]([whole])
        if not isinstance(result, Tensor):
            parts = list(result)
            values = [Given(self._path("getitem"), p, operator.getitem, (whole, at)) for at, p in enumerate(parts)]
        if is_given:
            self.givens += dict.fromkeys([whole, *values])
        else:
            values = self._lowered(call, parts)
        for part, value in zip(parts, values, strict=True):
            self._remember(part, value if torch.is_grad_enabled() else self._cut(value, part))

    def _cut(self, value: Operand, tensor: Tensor) -> Operand:
        """The same without a gradient, as torch computed it; comparisons and whole numbers never have one."""
        if not tensor.is_floating_point():
            return value
        detached = Given(self._path("detach"), tensor, Tensor.detach, (value,))
        if isinstance(value, Given):
            self.givens.append(detached)
            return detached
        return self._lowered(Call(Tensor.detach, (tensor,), {}, (value,), {}), [tensor])[0]

    def _lowered(self, call: Call, results: list[Tensor]) -> list[Operand]:
        """The values of results. What cannot be lowered is no error yet: the step may yet do what says more."""
        if self._unknown is None:
            try:
                return self.lowering.values(call, results, self._line)
            except UnsupportedStepError as error:
                self._unknown = UnsupportedStepError(located(str(error), self._line))
        return [Value(0)] * len(results)

    def _remember(self, tensor: Tensor, value: Operand) -> None:
        self._known[id(tensor)] = _Known(tensor, value, tensor.grad_fn, tensor._version, self._line)

    def _path(self, name: str) -> str:
        """A path that no tensor of the cell has."""
        count = self._paths[name] + hasattr(builtins, name)
        self._paths[name] += 1
        return f"{name}_{count}()" if count else f"{name}()"

    def finish(self, results: list[Tensor], line: Line) -> None:
        """The step, defined on a line, has returned these tensors: nothing recorded may have changed since."""
        line = self._line or line
        try:
            values = [self._operand(result) for result in results]
            self.calls.append((None, f"returns {values}"))
            for known in self._known.values():
                line = known.line
                if known.tensor._version != known.version:
                    raise UnsupportedStepError(_CHANGED)
            if self._unknown is not None:
                raise self._unknown
            for value, tensor, width in zip(values, results, self.widths, strict=True):
                line = self._known[id(tensor)].line
                self.lowering.add_output(value, tensor, width)
        except UnsupportedStepError as error:
            raise UnsupportedStepError(located(str(error), line)) from error
