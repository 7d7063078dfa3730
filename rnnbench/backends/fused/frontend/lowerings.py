"""Which torch functions and methods a `step` may use, and the operations they become.

Every operation of `ir.operations` is known by its name: as a function of torch, as a method of a tensor and as an
operator. Those that take more than tensors and numbers, or have other names too, have a line here. `features` has
products, concatenations and sums. Changes in place never come here: `record` refuses them.
"""

import math
import operator
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend import features
from rnnbench.backends.fused.frontend.values import (
    Batch,
    Build,
    Given,
    Operand,
    Value,
    is_number,
    number_of,
    operand,
    width_of,
)
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, Term, UnsupportedStepError, apply
from rnnbench.backends.fused.ir.operations import OPERATIONS


def plain(name: str) -> Build:
    """An operation whose arguments are its operands: tensors or numbers, and then settings."""
    arity, settings = OPERATIONS[name].arity, OPERATIONS[name].settings

    def build(graph: Graph, *arguments: Operand) -> Value:
        if len(arguments) != arity:
            raise UnsupportedStepError(f"{name}() with {len(arguments)} arguments")
        _check_numbers(name, arguments[arity - settings :])
        return Value(graph.apply(name, *(operand(graph, argument) for argument in arguments)))

    return build


def _check_numbers(name: str, settings: tuple[Operand, ...]) -> None:
    if any(isinstance(setting, (Value, Given)) for setting in settings):
        raise UnsupportedStepError(f"{name}() with a tensor as setting")


def _clamp(graph: Graph, value: Operand, min: Operand = None, max: Operand = None) -> Value:
    for name, bound in (("clamp_min", min), ("clamp_max", max)):
        value = value if bound is None else plain(name)(graph, value, bound)
    return Value(value)


def _power(graph: Graph, value: Operand, exponent: Operand) -> Value:
    if not is_number(exponent) or not isinstance(value, Value):
        raise UnsupportedStepError("pow() other than of a tensor to a number")
    if exponent == 0:
        return _filled(graph, 1.0, graph.nodes[int(value)].width)
    if exponent == 2:
        return Value(graph.apply("mul", int(value), int(value)))
    if exponent == 0.5:
        return Value(graph.apply("sqrt", int(value)))
    return Value(graph.apply("pow", int(value), graph.constant(exponent)))


def _arithmetic(name: str) -> Build:
    """add, sub, mul or div, where a comparison counts as 1 and 0; a number that is added or multiplied stands first."""

    def build(graph: Graph, input: Operand, other: Operand, *, alpha: Operand = 1) -> Value:
        if alpha != 1:
            other = Value(graph.apply("mul", graph.constant(alpha), number_of(graph, operand(graph, other))))
        first, second = input, other
        if name in ("add", "mul") and not isinstance(second, (Value, Given)):
            first, second = second, first
        return Value(graph.apply(name, *(number_of(graph, operand(graph, each)) for each in (first, second))))

    return build


def _larger_or_smaller(name: str) -> Build:
    def build(graph: Graph, input: Operand, other: Operand = None) -> Value:
        if not isinstance(other, (Value, Given)):
            raise UnsupportedStepError(f"{name[:3]}() over features; there is only that of two tensors")
        return Value(plain(name)(graph, input, other))

    return build


def _filled(graph: Graph, number: float, width: int | None) -> Value:
    return Value(graph.widened(graph.apply("copy", graph.constant(number)), width))


def _filled_like(number: float) -> Build:
    return lambda graph, value, **_: _filled(graph, number, graph.nodes[operand(graph, value)].width)


def _filled_of_size(number: float) -> Build:
    """A constant (batch, width), the shape given as one argument or as two."""

    def build(graph: Graph, *size: Operand, **settings: Operand) -> Value:
        sizes = [part for part in size if not isinstance(part, Value)]  # the method is called on a value
        shape = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
        if len(shape) != 2 or not isinstance(shape[0], Batch) or type(shape[1]) is not int:
            raise UnsupportedStepError("zeros() or ones() of other than (batch, width)")
        return _filled(graph, number, shape[1])

    return build


def _gelu(graph: Graph, input: Operand, approximate: str = "none") -> Value:
    x = Term(graph, operand(graph, input))
    if approximate == "tanh":
        inner = apply("tanh", math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))
    else:
        inner = apply("erf", x * math.sqrt(0.5))
    return Value((0.5 * x * (1 + inner)).position)


def _drawn(graph: Graph, draw: str, width: int, setting: float = 0.0) -> Value:
    """Random numbers (batch, width), which torch draws before the loop as the plain loop draws them."""
    count = len(graph.positions(nodes.Noise))
    return Value(graph.add(nodes.Noise(draw=draw, setting=setting, index=count, width=width)))


def _like(draw: str) -> Build:
    return lambda graph, input: _drawn(graph, draw, width_of(graph, input, f"{draw}_like"))


def _dropout(
    graph: Graph, input: Operand, p: Operand = 0.5, training: Operand = True, *_: Operand, **__: Operand
) -> Value:
    value = Value(operand(graph, input))
    if not training or p == 0:
        return value
    _check_numbers("dropout", (p,))
    mask = _drawn(graph, "dropout", width_of(graph, value, "dropout"), float(p))
    return Value(graph.apply("mul", int(value), int(mask)))


_ARITHMETIC: dict[str, list[Any]] = {
    "add": [operator.add],
    "sub": [operator.sub, torch.subtract, "subtract"],
    "mul": [operator.mul, torch.multiply, "multiply"],
    "div": [operator.truediv, torch.true_divide, torch.divide, "true_divide", "divide"],
}
"""The operations that `_arithmetic` builds, and their other names."""


def _build_table() -> dict[Any, Build]:
    table: dict[Any, Build] = {}
    for name in OPERATIONS:
        if hasattr(torch, name):
            table[getattr(torch, name)] = plain(name)
        if hasattr(torch.Tensor, name):
            table[name] = plain(name)
    table |= {getattr(operator, name): plain(name) for name in ("neg", "abs", "gt", "ge", "lt", "le", "eq", "ne")}
    for name, others in _ARITHMETIC.items():
        table |= dict.fromkeys([name, getattr(torch, name), *others], _arithmetic(name))
    table |= dict.fromkeys([torch.max, "max"], _larger_or_smaller("maximum"))
    table |= dict.fromkeys([torch.min, "min"], _larger_or_smaller("minimum"))
    table |= dict.fromkeys([torch.clamp, torch.clip, "clamp", "clip"], _clamp)
    table |= dict.fromkeys([torch.pow, operator.pow, "pow"], _power)
    table[functional.gelu] = _gelu
    table |= {functional.softplus: lambda graph, x, beta=1, threshold=20: plain("softplus")(graph, x, beta, threshold)}
    table |= {getattr(functional, name): plain(name) for name in ("relu", "sigmoid", "tanh")}
    table |= {torch.zeros_like: _filled_like(0.0), torch.ones_like: _filled_like(1.0)}
    table |= dict.fromkeys([torch.zeros, "new_zeros"], _filled_of_size(0.0))
    table |= dict.fromkeys([torch.ones, "new_ones"], _filled_of_size(1.0))
    table |= dict.fromkeys([torch.clone, "clone"], plain("copy"))
    table |= {torch.rand_like: _like("rand"), torch.randn_like: _like("randn"), functional.dropout: _dropout}
    return table | features.TABLE


TABLE = _build_table()
