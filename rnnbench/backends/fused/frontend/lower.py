"""From the functions of torch that a step calls to nodes."""

import linecache
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnbench.backends.fused.frontend.lowerings import TABLE
from rnnbench.backends.fused.frontend.source_lines import Line
from rnnbench.backends.fused.frontend.values import Given, Operand, Value, all_of, operand
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]\w*) = ")


MOVES = {
    *("getitem", "split", "chunk", "narrow", "unsqueeze", "squeeze", "flatten", "unflatten", "contiguous"),
    *("view", "view_as", "reshape", "reshape_as", "expand", "expand_as"),
}
"""Functions whose results are numbers of their first argument, in an order that depends on shapes alone."""


def name_of(func: Callable[..., Any]) -> str:
    """The name of a function; of an attribute that is read, the attribute's."""
    name: str = getattr(func, "__name__", str(func))
    return func.__self__.__name__ if name == "__get__" else name  # type: ignore[attr-defined]


class Call(NamedTuple):
    """A call of a function of torch by a step."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    named: dict[str, Any]
    operands: tuple[Any, ...]
    """The arguments, with what stands for the tensors among them."""
    settings: dict[str, Any]
    """Likewise those with names."""

    @property
    def name(self) -> str:
        """As messages have it."""
        name = name_of(self.func)
        return "detach" if name == "data" else name

    @property
    def target(self) -> Any:
        """The function as `lowerings.TABLE` may have it: a function, or the name of a method."""
        if self.name == "detach":
            return "detach"
        if getattr(self.func, "__name__", "") == "__get__":
            return getattr
        is_method = getattr(self.func, "__qualname__", "").startswith(("TensorBase.", "Tensor."))
        return self.name if is_method else self.func


class Lowering:
    """The graph of a step that was called with some number of examples, in a type."""

    def __init__(self, examples: int, dtype: torch.dtype) -> None:
        self.graph, self.examples, self.dtype = Graph(), examples, dtype
        self._named: dict[Line, int] = {}

    def values(self, call: Call, results: list[Tensor], line: Line) -> list[Operand]:
        """The values of what a call gave on a line of the step.

        Raises UnsupportedStepError for a function that `lowerings.TABLE` has not, unless it moves features.
        """
        if call.name not in MOVES and call.target not in TABLE:
            raise UnsupportedStepError(f"{call.name}()")
        try:
            if call.name in MOVES:
                built = self._moved(call, results)
            else:
                built = [TABLE[call.target](self.graph, *call.operands, **call.settings)]
        except (TypeError, IndexError, RuntimeError) as error:
            raise UnsupportedStepError(f"{call.name}() with these arguments") from error
        for value, result in zip(built, results, strict=True):
            self._check(value, result, call.name)
            self._name_like_source(value, line)
        return built

    def _moved(self, call: Call, results: list[Tensor]) -> list[Operand]:
        """Neighbouring features of a value, found by moving their numbers in the same way."""
        named, settings = dict(call.named), dict(call.settings)
        name = next((name for name in ("input", "tensor") if name in named), None)
        tensor, read = (named.pop(name), settings.pop(name)) if name else (call.args[0], call.operands[0])
        rest = slice(0 if name else 1, None)
        if all_of((Value, Given), (call.operands[rest], settings)) and not call.name.endswith("_as"):
            raise UnsupportedStepError(f"{call.name}() by numbers of a tensor")
        position = operand(self.graph, read)
        width = self.graph.nodes[position].width or 1
        numbers = torch.arange(tensor.numel()).view(tensor.shape)
        features = numbers.view(-1, width).expand(self.examples, width)
        moved = call.func(numbers, *call.args[rest], **named)
        values: list[Operand] = []
        for part, result in zip([moved] if isinstance(moved, Tensor) else moved, results, strict=True):
            count = self._features(result, call.name)
            rows = part.reshape(self.examples, count)
            first = 0 if width == 1 else int(rows[0, 0])
            if not torch.equal(rows, features.expand(-1, count) if width == 1 else features[:, first : first + count]):
                raise UnsupportedStepError(f"{call.name}() other than of neighbouring features, x[:, first:stop]")
            found = self.graph.part(position, first, count) if width > 1 else self.graph.widened(position, count)
            values.append(Value(found))
        return values

    def _features(self, result: Tensor, name: str) -> int:
        """How many features a result has."""
        sizes = [size for size in result.shape if size != 1]
        if sizes == [self.examples]:
            return 1
        if sizes[:1] != [self.examples] or len(sizes) != 2:
            raise UnsupportedStepError(f"{name}() that gives {self._described(result)}; values are (batch, features)")
        return sizes[1]

    def _check(self, value: Operand, result: Tensor, name: str) -> None:
        """A value must have the features and the type of what torch computed."""
        node = self.graph.nodes[value]
        if node.width != self._features(result, name):
            raise UnsupportedStepError(f"{name}() that gives {self._described(result)}; values are (batch, features)")
        if result.dtype != (torch.bool if is_comparison(node) else self.dtype):
            raise UnsupportedStepError(f"{name}() that gives {result.dtype} in a cell of {self.dtype}")

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
