"""From the functions of torch that a step calls to nodes."""

import linecache
import re
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rnnbench.backends.fused.frontend.features import SHAPES
from rnnbench.backends.fused.frontend.lowerings import TABLE
from rnnbench.backends.fused.frontend.source_lines import Line
from rnnbench.backends.fused.frontend.values import Operand, Value, operand
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*) = ")


class Lowering:
    """The graph of a step that was called with some number of examples, in a type."""

    def __init__(self, examples: int, dtype: torch.dtype) -> None:
        self.graph, self.examples, self.dtype = Graph(), examples, dtype
        self._named: dict[Line, int] = {}

    def values(
        self, target: Any, name: str, operands: Any, settings: Any, results: list[Tensor], line: Line
    ) -> list[Operand]:
        """The values of what a function gave for some operands and settings, on a line of the step.

        Raises UnsupportedStepError for a function that `lowerings.TABLE` has not.
        """
        if target not in TABLE:
            raise UnsupportedStepError(f"{name}()")
        try:
            built = TABLE[target](self.graph, *operands, **settings)
        except (TypeError, IndexError) as error:
            raise UnsupportedStepError(f"{name}() with these arguments") from error
        values: list[Operand] = []
        for value, result in zip(built if isinstance(built, list) else [built], results, strict=True):
            values.append(self._checked(value, result, name))
            self._name_like_source(values[-1], line)
        return values

    def _checked(self, value: Value, result: Tensor, name: str) -> Value:
        """The value, which must have the features and the type of what torch computed."""
        features = [size for size in result.shape if size != 1]
        examples = self.examples
        width = 1 if features == [examples] else features[1] if features[:1] == [examples] and features[2:] == [] else 0
        if width and name in SHAPES:
            value = Value(self.graph.widened(int(value), width))
        if not width or self.graph.nodes[int(value)].width != width:
            raise UnsupportedStepError(f"{name}() that gives {self._described(result)}; values are (batch, features)")
        if result.dtype != (torch.bool if is_comparison(self.graph.nodes[int(value)]) else self.dtype):
            raise UnsupportedStepError(f"{name}() that gives {result.dtype} in a cell of {self.dtype}")
        return value

    def _described(self, result: Tensor) -> str:
        sizes = ", ".join("batch" if size == self.examples else str(size) for size in result.shape)
        return f"a tensor ({sizes}) of {result.dtype}"

    def _name_like_source(self, value: Value, line: Line) -> None:
        """Where a line of `step` assigns to one name, its last value gets that name."""
        name = line and _ASSIGNMENT.match(linecache.getline(*line))
        if not name:
            return
        if (earlier := self._named.get(line)) is not None:
            self.graph.nodes[earlier] = replace(self.graph.at(earlier, nodes.Elementwise), label="")
        node = self.graph.nodes[value]
        if isinstance(node, nodes.Elementwise) and not node.label:
            self.graph.nodes[value] = replace(node, label=name.group(1))
            self._named[line] = int(value)

    def add_output(self, value: Operand, tensor: Tensor, width: int) -> None:
        """The next tensor of the state that the step returned, which must be (batch, width)."""
        if tensor.shape != (self.examples, width) or tensor.dtype != self.dtype:
            described = self._described(tensor)
            raise UnsupportedStepError(f"step returns {described}, not (batch, {width}) of {self.dtype}")
        self.graph.outputs += (self.graph.widened(operand(self.graph, value), width),)
