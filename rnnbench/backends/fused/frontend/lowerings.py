"""Which torch functions and methods a `step` may use, and the operations they become.

Every operation of `ir.operations` is known by its name: as a function of torch, as a method of a tensor and as an
operator. Those that take more than tensors and numbers, or have other names too, have a line here.
"""

import math
import operator
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend import activations, noise, parts, products, reductions
from rnnbench.backends.fused.frontend.values import (
    Build,
    Given,
    Operand,
    Value,
    is_condition,
    is_number,
    number_of,
    operand,
)
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.backends.fused.ir.operations import OPERATIONS
from rnnbench.backends.fused.ir.terms import Term, apply


def plain(name: str) -> Build:
    """An operation whose arguments are its operands: tensors or numbers, and then settings."""
    arity, settings = OPERATIONS[name].arity, OPERATIONS[name].settings

    def build(graph: Graph, *arguments: Operand) -> Value:
        if len(arguments) != arity:
            raise UnsupportedStepError(f"{name}() with {len(arguments)} arguments")
        if any(isinstance(argument, (Value, Given)) for argument in arguments[arity - settings :]):
            raise UnsupportedStepError(f"{name}() with a tensor as setting")
        return Value(graph.apply(name, *(operand(graph, argument) for argument in arguments)))

    return build


def _clamp(graph: Graph, value: Operand, min: Operand = None, max: Operand = None) -> Value:
    if isinstance(min, (Value, Given)) or isinstance(max, (Value, Given)):
        raise UnsupportedStepError("clamp() between tensors")
    if min is None and max is None:
        raise UnsupportedStepError("clamp() without bounds")
    position = operand(graph, value)
    if max is None:
        return Value(graph.apply("clamp_min", position, graph.constant(min)))
    if min is None:
        return Value(graph.apply("clamp_max", position, graph.constant(max)))
    if not min <= max:
        raise UnsupportedStepError(f"clamp() from {min} to {max}")
    return Value(graph.apply("clamp", position, graph.constant(min), graph.constant(max)))


def _relu(graph: Graph, value: Operand, inplace: bool = False) -> Value:
    if inplace:
        raise UnsupportedStepError("relu() in place")
    return Value(graph.apply("relu", operand(graph, value)))


def _softplus(graph: Graph, value: Operand, beta: Operand = 1, threshold: Operand = 20) -> Value:
    if isinstance(beta, (Value, Given)) or isinstance(threshold, (Value, Given)):
        raise UnsupportedStepError("softplus() with a tensor as setting")
    position = operand(graph, value)
    return Value(graph.apply("softplus", position, graph.constant(beta), graph.constant(threshold)))


def _power(graph: Graph, value: Operand, exponent: Operand) -> Value:
    names = {2: "square", 0.5: "sqrt", -1: "reciprocal"}
    if is_number(value) and value > 0 and isinstance(exponent, Value):
        return Value(apply("exp", math.log(value) * Term(graph, int(exponent))).position)
    if not is_number(exponent) or not isinstance(value, Value):
        raise UnsupportedStepError("pow() other than of a tensor to a number, or of a positive number to a tensor")
    if exponent == 0:
        return Value(_filled(1.0)(graph, value))
    if exponent in names:
        return Value(graph.apply(names[exponent], operand(graph, value)))
    return Value(graph.apply("pow", operand(graph, value), graph.constant(exponent)))


def _exp2(graph: Graph, value: Operand) -> Value:
    return _power(graph, 2, value)


def _arithmetic(name: str, is_reversed: bool = False) -> Build:
    """add, sub, mul or div, where a comparison counts as 1 and 0; a number that is added or multiplied stands first."""

    def build(graph: Graph, input: Operand, other: Operand, *, alpha: Operand = 1) -> Value:
        if is_reversed:
            input, other = other, input
        if alpha != 1:
            other = Value(graph.apply("mul", graph.constant(alpha), number_of(graph, operand(graph, other))))
        first, second = input, other
        if name in ("add", "mul") and not isinstance(second, (Value, Given)):
            first, second = second, first
        if all(is_condition(graph, argument) for argument in (first, second)):
            return Value(graph.apply(name, operand(graph, first), operand(graph, second)))
        a, b = (number_of(graph, operand(graph, argument)) for argument in (first, second))
        return Value(graph.apply(name, a, b))

    return build


def _larger_or_smaller(name: str) -> Build:
    def build(graph: Graph, input: Operand, other: Operand = None) -> Value:
        if not isinstance(other, (Value, Given)):
            raise UnsupportedStepError(f"{name[:3]}() over features; there is only that of two tensors")
        return Value(plain(name)(graph, input, other))

    return build


def _masked_fill(graph: Graph, input: Operand, mask: Operand, value: Operand) -> Value:
    return Value(plain("where")(graph, mask, value, input))


def _where_method(graph: Graph, value: Operand, condition: Operand, other: Operand) -> Value:
    """a.where(condition, b)."""
    return Value(plain("where")(graph, condition, value, other))


def _filled(number: float) -> Build:
    """A constant in the shape of a tensor: the number times one, without a gradient."""

    def build(graph: Graph, value: Operand, **settings: Operand) -> Value:
        width = graph.nodes[operand(graph, value)].width
        copy = graph.apply("copy", graph.constant(number))
        return Value(graph.widened(copy, width))

    return build


def _full_like(graph: Graph, value: Operand, fill_value: Operand, **settings: Operand) -> Value:
    if not is_number(fill_value):
        raise UnsupportedStepError("full_like() with a tensor as value")
    return Value(_filled(float(fill_value))(graph, value))


def _filled_of_size(number: float) -> Build:
    """A constant (batch, width)."""

    def build(graph: Graph, *size: Operand, **settings: Operand) -> Value:
        sizes = [part for part in size if not isinstance(part, Value)]  # the method is called on a value
        width = noise.width_in(sizes, "zeros")
        return Value(graph.widened(graph.apply("copy", graph.constant(number)), width))

    return build


def _full(graph: Graph, size: Operand, fill_value: Operand, **settings: Operand) -> Value:
    if not is_number(fill_value):
        raise UnsupportedStepError("full() with a tensor as value")
    return Value(_filled_of_size(float(fill_value))(graph, size))


_OPERATORS = {"neg", "abs", "gt", "ge", "lt", "le", "eq", "ne"}
"""Where `operator` and `torch` mean the same by a name."""


_ARITHMETIC: dict[str, list[Any]] = {
    "add": [operator.add],
    "sub": [operator.sub, torch.subtract, "subtract"],
    "mul": [operator.mul, torch.multiply, "multiply"],
    "div": [operator.truediv, torch.true_divide, torch.divide, "true_divide", "divide"],
}
"""The operations that `_arithmetic` builds, and their other names."""


def _build_table() -> dict[Any, Build]:
    """From a function, or a method's name, to what it builds."""
    table: dict[Any, Build] = {}
    for name in OPERATIONS:
        if hasattr(torch, name):
            table[getattr(torch, name)] = plain(name)
        if hasattr(torch.Tensor, name) and name != "where":  # the method takes its operands in another order
            table[name] = plain(name)
    table |= {getattr(operator, name): plain(name) for name in _OPERATORS}
    for name, others in _ARITHMETIC.items():
        table |= dict.fromkeys([name, getattr(torch, name), *others], _arithmetic(name))
    table |= dict.fromkeys([torch.rsub, "rsub"], _arithmetic("sub", is_reversed=True))
    table |= {torch.negative: plain("neg"), torch.exp2: _exp2, "exp2": _exp2}
    table |= dict.fromkeys([torch.max, "max"], _larger_or_smaller("maximum"))
    table |= dict.fromkeys([torch.min, "min"], _larger_or_smaller("minimum"))
    table |= dict.fromkeys([torch.masked_fill, "masked_fill"], _masked_fill)
    table |= {operator.mod: plain("remainder"), torch.special.expm1: plain("expm1")}
    table |= {operator.and_: plain("logical_and"), operator.or_: plain("logical_or")}
    table |= {operator.invert: plain("logical_not"), torch.bitwise_not: plain("logical_not")}
    table |= dict.fromkeys([torch.relu, functional.relu, "relu"], _relu)
    table |= dict.fromkeys([torch.clamp, torch.clip, "clamp", "clip"], _clamp)
    table |= dict.fromkeys([torch.pow, operator.pow, "pow"], _power)
    table |= {functional.softplus: _softplus, functional.sigmoid: plain("sigmoid")}
    table |= {functional.tanh: plain("tanh"), torch.special.expit: plain("sigmoid")}
    table |= {torch.zeros_like: _filled(0.0), torch.ones_like: _filled(1.0), torch.full_like: _full_like}
    table |= {torch.zeros: _filled_of_size(0.0), torch.ones: _filled_of_size(1.0), torch.full: _full}
    table |= {"new_zeros": _filled_of_size(0.0), "new_ones": _filled_of_size(1.0)}
    table |= {"where": _where_method, "clone": plain("copy"), torch.clone: plain("copy")}
    table |= products.TABLE | noise.TABLE | activations.TABLE | reductions.TABLE | parts.TABLE
    return table | {operator.getitem: parts.ITEM}


TABLE = _build_table()
