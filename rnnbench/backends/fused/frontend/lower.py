"""From the nodes of torch.fx to ours."""

import linecache
import operator
import re
from dataclasses import replace
from typing import Any

from torch import Tensor, fx, nn

from rnnbench.backends.fused.frontend.lowerings import TABLE, Value
from rnnbench.backends.fused.frontend.source_lines import Line, place_of
from rnnbench.backends.fused.frontend.torch_private import CHECK, has_hooks
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison
from rnnbench.cells import Cell

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*) = ")


def lower(traced: fx.Graph, cell: Cell, lines: dict[fx.Node, Line]) -> Graph:
    """The graph of a traced step, given the line that each node comes from.

    Raises UnsupportedStepError at the first node that cannot be lowered.
    """
    return _Lowering(cell, lines).graph_of(traced)


class _Lowering:
    """Turns the nodes of fx into ours, one after the other."""

    def __init__(self, cell: Cell, lines: dict[fx.Node, Line]) -> None:
        self.cell = cell
        self.lines = lines
        self.graph = Graph()
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
                elif not _is_check_of_fx(node):
                    self.values[node] = self._value(node)
                    self._name_like_source(node)
            except UnsupportedStepError as error:
                raise UnsupportedStepError(f"{error}{place_of(self.lines.get(node))}") from error
        return self.graph

    def _name_like_source(self, node: fx.Node) -> None:
        """Where a line of `step` assigns to one name, its last value gets that name."""
        line = self.lines[node]
        name = line and _ASSIGNMENT.match(linecache.getline(*line))
        if not name:
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
        return Value(self.graph.add(nodes.State(width=self.cell.hidden_size, index=count - 1)))

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
        if has_hooks(linear):
            raise UnsupportedStepError(f"{path} has hooks")
        position = self.graph.widened(input, linear.in_features)
        read = self.graph.nodes[position]
        if is_comparison(read):
            raise UnsupportedStepError(f"{path} of a comparison")
        if read.width != linear.in_features:
            raise UnsupportedStepError(f"{path} takes {linear.in_features} features, not {read.width}")
        return Value(self.graph.add(nodes.Linear(operands=(position,), width=linear.out_features, path=path)))

    def _parameter(self, path: str) -> Value:
        tensor: Tensor = operator.attrgetter(path)(self.cell)
        if not tensor.is_floating_point():
            raise UnsupportedStepError(f"{path} has dtype {tensor.dtype}")
        if tensor.numel() == 1:
            return Value(self.graph.add(nodes.Parameter(path=path)))
        if tensor.numel() != tensor.shape[-1]:
            raise UnsupportedStepError(f"{path} has shape {tuple(tensor.shape)}, not one value per feature")
        return Value(self.graph.add(nodes.Parameter(width=tensor.shape[-1], path=path)))

    def _output(self, node: fx.Node) -> None:
        results = node.args[0]
        count = len(self.cell.state_names)
        if not isinstance(results, (tuple, list)) or len(results) != count:
            raise UnsupportedStepError(f"step returns something other than {count} state tensors")
        outputs: list[int] = []
        for result in results:
            if not isinstance(result, fx.Node):
                raise UnsupportedStepError(f"step returns {result!r} as a state tensor")
            place = place_of(self.lines.get(result))
            state = self.graph.nodes[position := self.graph.widened(self.values[result], self.cell.hidden_size)]
            if isinstance(state, nodes.Concatenation):
                raise UnsupportedStepError(f"a state tensor that is cat(){place}")
            if isinstance(state, nodes.Elementwise) and state.is_comparison:
                raise UnsupportedStepError(f"a state tensor that is {state.operation}(){place}")
            if not isinstance(state, nodes.Constant) and state.width != self.cell.hidden_size:
                raise UnsupportedStepError(f"a state tensor of width {state.width}{place}")
            outputs.append(position)
        self.graph.outputs = tuple(outputs)


def _is_check_of_fx(node: fx.Node) -> bool:
    """Whether fx inserted the node to check an argument that it specialises."""
    if node.target is CHECK:
        return True
    return node.target is operator.eq and bool(node.users) and all(_is_check_of_fx(user) for user in node.users)
