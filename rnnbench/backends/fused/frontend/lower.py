"""From the nodes of a recorded step to ours."""

import linecache
import operator
import re
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from rnnbench.backends.fused.frontend.features import SHAPES, index_of_features
from rnnbench.backends.fused.frontend.invariants import Invariants, dtype_of
from rnnbench.backends.fused.frontend.lowerings import TABLE
from rnnbench.backends.fused.frontend.record import Recorder
from rnnbench.backends.fused.frontend.source_lines import Line, located
from rnnbench.backends.fused.frontend.values import Given, Value, operand
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.cells import Cell

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*) = ")


class Lowering:
    """The graph of a recorded step, and the invariants: what is computed before the loop, since it depends on the cell
    alone."""

    def __init__(self, recorded: Recorder, cell: Cell, widths: tuple[int, ...]) -> None:
        """`widths` are those of the states. Raises UnsupportedStepError at the first node that cannot be lowered."""
        self.cell = cell
        self.widths = widths
        self.recorded, self.lines = recorded, recorded.lines
        self.dtype = dtype_of(cell)
        self.graph = Graph()
        self.invariants = Invariants(cell, self.dtype)
        self.values: dict[fx.Node, Any] = {}
        self.named: dict[Line, int] = {}
        for node in recorded.graph.nodes:
            try:
                if node.op == "placeholder":
                    self.values[node] = self._placeholder(len(self.values))
                elif node.op == "output":
                    self._output(node)
                elif self.invariants.include(node):
                    self.values[node] = self.invariants.value(node)
                else:
                    self.values[node] = self._value(node)
                    self._name_like_source(node)
            except UnsupportedStepError as error:
                raise UnsupportedStepError(located(str(error), self.lines.get(node))) from error

    def _name_like_source(self, node: fx.Node) -> None:
        """Where a line of `step` assigns to one name, its last value gets that name."""
        line = self.lines[node]
        name = line and _ASSIGNMENT.match(linecache.getline(*line))
        if not name or not isinstance(self.values[node], Value):
            return
        earlier, position = self.named.get(line), int(self.values[node])
        if earlier is not None:
            self.graph.nodes[earlier] = replace(self.graph.at(earlier, nodes.Elementwise), label="")
        value = self.graph.nodes[position]
        if isinstance(value, nodes.Elementwise) and not value.label:
            self.graph.nodes[position] = replace(value, label=name.group(1))
            self.named[line] = position

    def _placeholder(self, count: int) -> Value:
        if count == 0:
            return Value(self.graph.add(nodes.Input(width=self.cell.input_size)))
        return Value(self.graph.add(nodes.State(width=self.widths[count - 1], index=count - 1)))

    def _value(self, node: fx.Node) -> Any:
        arguments: Any = fx.map_arg(node.args, lambda argument: self.values[argument])
        named: Any = fx.map_arg(node.kwargs, lambda argument: self.values[argument])
        name = _name_of(node)
        if node.target is operator.getitem and isinstance(arguments[0], list):
            return self._checked(arguments[0][arguments[1]], self.recorded.results[node], _name_of(node.args[0]))
        if node.target not in TABLE:
            raise UnsupportedStepError(f"{name}()")
        if node.target is operator.getitem and isinstance(arguments[0], (Value, Given)):
            read = self.recorded.results[node.args[0]]  # type: ignore[index]
            arguments = arguments[0], index_of_features(arguments[1], tuple(read.shape))
        try:
            value = TABLE[node.target](self.graph, *arguments, **named)
        except (TypeError, IndexError) as error:
            raise UnsupportedStepError(f"{name}() with these arguments") from error
        result = self.recorded.results.get(node)
        if isinstance(value, Value) and result is not None:
            value = self._checked(value, result, name)
        return value

    def _checked(self, value: Value, result: Tensor, name: str) -> Value:
        """The value, which must have the features and the type of what torch computed when the step was recorded."""
        features = [int(size) for size in result.shape if size != 1]
        examples = int.__int__(self.recorded.batch)
        width = 1 if features == [examples] else features[1] if features[:1] == [examples] and features[2:] == [] else 0
        if width and name in SHAPES:
            value = Value(self.graph.widened(int(value), width))
        if not width or self.graph.nodes[int(value)].width != width:
            raise UnsupportedStepError(f"{name}() that gives {self._shape(result)}; values are (batch, features)")
        if result.dtype != (torch.bool if is_comparison(self.graph.nodes[int(value)]) else self.dtype):
            raise UnsupportedStepError(f"{name}() that gives {result.dtype} in a cell of {self.dtype}")
        return value

    def _shape(self, result: Tensor) -> str:
        examples = int.__int__(self.recorded.batch)
        sizes = ", ".join("batch" if size == examples else str(size) for size in result.shape)
        return f"a tensor ({sizes}) of {result.dtype}"

    def _output(self, node: fx.Node) -> None:
        results = node.args[0]
        assert isinstance(results, (tuple, list))
        outputs: list[int] = []
        for result, width in zip(results, self.widths, strict=True):
            assert isinstance(result, fx.Node)
            tensor, value = self.recorded.results[result], self.values[result]
            if tensor.shape != (int.__int__(self.recorded.batch), width) or tensor.dtype != self.dtype:
                reason = f"step returns {self._shape(tensor)}, not (batch, {width}) of {self.dtype}"
                raise UnsupportedStepError(located(reason, self.lines.get(result)))
            outputs.append(self.graph.widened(operand(self.graph, value), width))
        self.graph.outputs = tuple(outputs)


def _name_of(node: Any) -> str:
    """The name of the function of a node; of an attribute, the attribute's."""
    if node.target is getattr:
        return str(node.args[1])
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
