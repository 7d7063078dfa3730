"""From the nodes of torch.fx to ours."""

import linecache
import operator
import re
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn

from rnnbench.backends.fused.frontend.invariants import Invariants
from rnnbench.backends.fused.frontend.lowerings import TABLE
from rnnbench.backends.fused.frontend.products import linear
from rnnbench.backends.fused.frontend.remedies import remedy_for
from rnnbench.backends.fused.frontend.source_lines import Line, located
from rnnbench.backends.fused.frontend.torch_private import CHECK, has_hooks
from rnnbench.backends.fused.frontend.values import Given, Value, operand
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.cells import Cell
from rnnbench.cells.cell import check_is_state

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*) = ")


def lower(
    traced: fx.Graph, cell: Cell, widths: tuple[int, ...], lines: dict[fx.Node, Line]
) -> tuple[Graph, Invariants]:
    """The graph of a traced step, given the widths of its states and the line that each node comes from.

    With it what is computed before the loop, since it depends on the cell alone. Raises UnsupportedStepError at the
    first node that cannot be lowered.
    """
    lowering = _Lowering(cell, widths, lines)
    return lowering.graph_of(traced), lowering.invariants


class _Lowering:
    """Turns the nodes of fx into ours, one after the other."""

    def __init__(self, cell: Cell, widths: tuple[int, ...], lines: dict[fx.Node, Line]) -> None:
        self.cell = cell
        self.widths = widths
        self.lines = lines
        dtype = next(tensor.dtype for tensor in cell.parameters() if tensor.is_floating_point())
        self.graph = Graph(epsilon=torch.finfo(dtype).eps)
        self.invariants = Invariants(cell, dtype)
        self.values: dict[fx.Node, Any] = {}
        self.named: dict[Line, int] = {}

    def graph_of(self, traced: fx.Graph) -> Graph:
        placeholders = 0
        for node in traced.nodes:
            try:
                if node.op == "placeholder":
                    if placeholders <= len(self.cell.state_names):  # the others have their defaults
                        self.values[node] = self._placeholder(placeholders)
                    placeholders += 1
                elif node.op == "output":
                    self._output(node)
                elif _is_check_of_fx(node):
                    continue
                elif self.invariants.include(node):
                    self.values[node] = self.invariants.value(node)
                else:
                    self.values[node] = self._value(node)
                    self._name_like_source(node)
            except UnsupportedStepError as error:
                raise UnsupportedStepError(located(str(error), self.lines.get(node))) from error
        return self.graph

    def _name_like_source(self, node: fx.Node) -> None:
        """Where a line of `step` assigns to one name, its last value gets that name."""
        line = self.lines[node]
        name = line and _ASSIGNMENT.match(linecache.getline(*line))
        if not name:
            return
        if not isinstance(self.values[node], Value):
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
        if node.op == "call_module":
            return self._linear(str(node.target), *arguments, **named)
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        if node.target not in TABLE:
            raise UnsupportedStepError(f"{name}(){remedy_for(name)}")
        try:
            return TABLE[node.target](self.graph, *arguments, **named)
        except (TypeError, IndexError) as error:
            raise UnsupportedStepError(f"{name}() with these arguments{remedy_for(name)}") from error

    def _linear(self, path: str, input: Value) -> Value:
        module = self.cell.get_submodule(path)
        assert isinstance(module, nn.Linear)
        if has_hooks(module):
            raise UnsupportedStepError(f"{path} has hooks{remedy_for('hooks')}")
        bias = None if module.bias is None else Given(f"{path}.bias", module.bias)
        return linear(self.graph, input, Given(f"{path}.weight", module.weight), bias)

    def _output(self, node: fx.Node) -> None:
        results = node.args[0]
        count = len(self.cell.state_names)
        check_is_state(self.cell.step, torch.empty(0) if isinstance(results, fx.Node) else results, count)
        assert isinstance(results, (tuple, list))
        outputs: list[int] = []
        for result, width in zip(results, self.widths, strict=True):
            if not isinstance(result, fx.Node):
                raise UnsupportedStepError(f"step returns {result!r} as a state tensor")
            try:
                outputs.append(self._state(self.values[result], width))
            except UnsupportedStepError as error:
                raise UnsupportedStepError(located(str(error), self.lines.get(result))) from error
        self.graph.outputs = tuple(outputs)

    def _state(self, value: Any, width: int) -> int:
        """A tensor of the next state."""
        if not isinstance(value, (Value, Given)):
            raise UnsupportedStepError("a state tensor that is not one tensor")
        position = self.graph.widened(operand(self.graph, value), width)
        state = self.graph.nodes[position]
        if is_comparison(state):
            raise UnsupportedStepError(
                f"a state tensor that is {self.graph.at(position, nodes.Elementwise).operation}()"
            )
        if not isinstance(state, nodes.Constant) and state.width != width:
            raise UnsupportedStepError(f"a state tensor of width {state.width}, not {width}")
        return position


def _is_check_of_fx(node: fx.Node) -> bool:
    """Whether fx inserted the node to check an argument that it specialises."""
    if node.target is CHECK:
        return True
    return node.target is operator.eq and bool(node.users) and all(_is_check_of_fx(user) for user in node.users)
