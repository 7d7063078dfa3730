"""From a cell's `step` to a graph: torch.fx runs `step` once on stand-ins and writes down what is done to them."""

import inspect
import linecache
import operator
import os
import re
import sys
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx._symbolic_trace import PH

from rnnbench.backends.fused.graph import Graph, Node, UnsupportedStepError
from rnnbench.backends.fused.settings import tensors_of
from rnnbench.backends.fused.stages import LEAVES
from rnnbench.backends.fused.vocabulary import TABLE, Value
from rnnbench.cells import Cell

Line = tuple[str, int] | None
"""A file and a line in it."""

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*) = ")
_FOREIGN = (os.path.dirname(torch.__file__), os.path.dirname(__file__), os.path.dirname(inspect.__file__))


def trace(cell: Cell) -> Graph:
    """The graph of a cell's step.

    Raises UnsupportedStepError, naming the operation and its line, for anything but Linear, elementwise arithmetic and
    the elementwise functions of the vocabulary.
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
        raise UnsupportedStepError(f"{reason}{_place(_line_in(error.__traceback__))}") from error
    return _Translation(cell, tracer).graph_of(traced)


def _arguments(cell: Cell) -> dict[str, Any]:
    """What `step` is called with beside x: the state tensors as stand-ins, further arguments at their defaults."""
    _, state, *others = inspect.signature(cell.step).parameters.values()
    if any(argument.default is inspect.Parameter.empty for argument in others):
        raise UnsupportedStepError("step takes more than x and the state")
    states = tuple(PH for _ in cell.state_names)
    return {state.name: states, **{argument.name: argument.default for argument in others}}


class _StandIn(fx.Proxy):
    """A stand-in that knows in-place operators; fx would take `h += y` for `h = h + y`, and leave h as it was."""

    def _refuse(self, other: Any) -> Any:
        raise UnsupportedStepError(f"an operator in place{_place(_line_of(sys._getframe(1)))}")

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse


class _StepTracer(fx.Tracer):
    """Traces `step` instead of `forward`, keeps Linear whole, and remembers the line of every node."""

    traced_func_name = "step"
    proxy_buffer_attributes = True

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[fx.Node, Line] = {}

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _StandIn(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) is nn.Linear

    def create_node(self, *arguments: Any, **named: Any) -> fx.Node:
        node = super().create_node(*arguments, **named)
        self.lines[node] = _line_of(sys._getframe(1))
        return node

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, Tensor):
            for name, tensor in tensors_of(self.root):
                if tensor is a:
                    return self.create_node("get_attr", name, (), {})
            raise UnsupportedStepError(f"a tensor made inside step{_place(_line_of(sys._getframe(1)))}")
        return super().create_arg(a)


class _Translation:
    """Turns the nodes of fx into ours, one after the other."""

    def __init__(self, cell: Cell, tracer: _StepTracer) -> None:
        self.cell = cell
        self.tracer = tracer
        self.graph = Graph()
        self.values: dict[fx.Node, Any] = {}
        self.named: dict[Line, int] = {}

    def graph_of(self, traced: fx.Graph) -> Graph:
        placeholders = 0
        for node in traced.nodes:
            try:
                if node.op == "placeholder":
                    if placeholders <= len(self.cell.state_names):  # the others stand at their defaults
                        self.values[node] = self._placeholder(placeholders)
                    placeholders += 1
                elif node.op == "output":
                    self._output(node)
                elif not _is_check_of_fx(node):
                    self.values[node] = self._value(node)
                    self._name_like_source(node)
            except UnsupportedStepError as error:
                raise UnsupportedStepError(f"{error}{_place(self.tracer.lines.get(node))}") from error
        return self.graph

    def _name_like_source(self, node: fx.Node) -> None:
        """Where a line of `step` assigns to one name, its last value bears the name."""
        line = self.tracer.lines[node]
        name = line and _ASSIGNMENT.match(linecache.getline(*line))
        if not name:
            return
        earlier, position = self.named.get(line), int(self.values[node])
        nodes = self.graph.nodes
        if earlier is not None:
            nodes[earlier] = replace(nodes[earlier], label="")
        if nodes[position].operation not in LEAVES and not nodes[position].label:
            nodes[position] = replace(nodes[position], label=name.group(1))
            self.named[line] = position

    def _placeholder(self, count: int) -> Value:
        if count == 0:
            return Value(self.graph.add(Node("input", width=self.cell.input_size)))
        return Value(self.graph.add(Node("state", width=self.cell.hidden_size, index=count - 1)))

    def _value(self, node: fx.Node) -> Value:
        if node.op == "get_attr":
            return self._parameter(str(node.target))
        arguments: Any = fx.map_arg(node.args, lambda argument: self.values[argument])
        named: Any = fx.map_arg(node.kwargs, lambda argument: self.values[argument])
        if node.op == "call_module":
            return self._linear(str(node.target), *arguments, **named)
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        if node.target not in TABLE:
            attribute = f" of {node.args[1]}" if node.target is getattr else ""
            raise UnsupportedStepError(f"{name}(){attribute}")
        try:
            return TABLE[node.target](self.graph, *arguments, **named)
        except TypeError as error:
            raise UnsupportedStepError(f"{name}() with these arguments") from error

    def _linear(self, path: str, input: Value) -> Value:
        linear = self.cell.get_submodule(path)
        assert isinstance(linear, nn.Linear)
        if linear._forward_hooks or linear._forward_pre_hooks or linear._backward_hooks or linear._backward_pre_hooks:
            raise UnsupportedStepError(f"{path} has hooks")
        position = self.graph.widened(input, linear.in_features)
        if self.graph.nodes[position].width != linear.in_features:
            raise UnsupportedStepError(
                f"{path} takes {linear.in_features} features, not {self.graph.nodes[position].width}"
            )
        return Value(self.graph.add(Node("linear", (position,), linear.out_features, path)))

    def _parameter(self, path: str) -> Value:
        tensor: Tensor = operator.attrgetter(path)(self.cell)
        if not tensor.is_floating_point():
            raise UnsupportedStepError(f"{path} has dtype {tensor.dtype}")
        if tensor.numel() == 1:
            return Value(self.graph.add(Node("parameter", path=path)))
        if tensor.numel() != tensor.shape[-1]:
            raise UnsupportedStepError(f"{path} has shape {tuple(tensor.shape)}, not one value per feature")
        return Value(self.graph.add(Node("parameter", width=tensor.shape[-1], path=path)))

    def _output(self, node: fx.Node) -> None:
        results = node.args[0]
        count = len(self.cell.state_names)
        if not isinstance(results, (tuple, list)) or len(results) != count:
            raise UnsupportedStepError(f"step returns something other than {count} state tensors")
        outputs: list[int] = []
        for result in results:
            if not isinstance(result, fx.Node):
                raise UnsupportedStepError(f"step returns {result!r} as a state tensor")
            position = self.graph.widened(self.values[result], self.cell.hidden_size)
            if self.graph.nodes[position].width != self.cell.hidden_size:
                raise UnsupportedStepError(f"step returns a state of width {self.graph.nodes[position].width}")
            outputs.append(position)
        self.graph.outputs = tuple(outputs)


def _is_check_of_fx(node: fx.Node) -> bool:
    """Whether fx put the node there to check an argument that it takes as fixed."""
    if node.target is torch._assert:
        return True
    return node.target is operator.eq and bool(node.users) and all(_is_check_of_fx(user) for user in node.users)


def _line_of(frame: FrameType | None) -> Line:
    """The innermost line of the user's on the stack."""
    while frame is not None and frame.f_code.co_filename.startswith(_FOREIGN):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _line_in(traceback: TracebackType | None) -> Line:
    """The innermost line of the user's that an error went through."""
    line: Line = None
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_FOREIGN):
            line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _place(line: Line) -> str:
    """A line in words, for the end of a message."""
    return "" if line is None else f" on line {line[1]} of {os.path.basename(line[0])}"
