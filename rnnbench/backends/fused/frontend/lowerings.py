"""Which torch functions and methods a `step` may use, and the operations they become.

Every operation of `ir.operations` is known by its name: as a function of torch, as a method of a tensor and as an
operator. Those that take more than tensors and numbers, or have other names too, have a line here. `features` has
products, parts and norms. Changes in place never come here: `record` refuses them.
"""

import math
import operator
from collections.abc import Callable
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
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.backends.fused.ir.operations import OPERATIONS
from rnnbench.backends.fused.ir.terms import Term, apply, where


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
    _check_numbers("clamp", (min, max))
    if max is None:
        return Value(plain("clamp_min")(graph, value, min))
    if min is None:
        return Value(plain("clamp_max")(graph, value, max))
    if not min <= max:
        raise UnsupportedStepError(f"clamp() from {min} to {max}")
    return Value(plain("clamp")(graph, value, min, max))


def _softplus(graph: Graph, value: Operand, beta: Operand = 1, threshold: Operand = 20) -> Value:
    return Value(plain("softplus")(graph, value, beta, threshold))


def _power(graph: Graph, value: Operand, exponent: Operand) -> Value:
    names = {2: "square", 0.5: "sqrt", -1: "reciprocal"}
    if not is_number(exponent) or not isinstance(value, Value):
        raise UnsupportedStepError("pow() other than of a tensor to a number")
    if exponent == 0:
        return Value(_filled(1.0)(graph, value))
    if exponent in names:
        return Value(graph.apply(names[exponent], int(value)))
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


def _masked_fill(graph: Graph, input: Operand, mask: Operand, value: Operand) -> Value:
    return Value(plain("where")(graph, mask, value, input))


def _where_method(graph: Graph, value: Operand, condition: Operand, other: Operand) -> Value:
    """a.where(condition, b)."""
    return Value(plain("where")(graph, condition, value, other))


def _filled(number: float) -> Build:
    """A constant in the shape of a tensor: the number times one, without a gradient."""

    def build(graph: Graph, value: Operand, **settings: Operand) -> Value:
        width = graph.nodes[operand(graph, value)].width
        return Value(graph.widened(graph.apply("copy", graph.constant(number)), width))

    return build


def _filled_of_size(number: float) -> Build:
    """A constant (batch, width), the shape given as one argument or as two."""

    def build(graph: Graph, *size: Operand, **settings: Operand) -> Value:
        sizes = [part for part in size if not isinstance(part, Value)]  # the method is called on a value
        shape = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
        if len(shape) != 2 or not isinstance(shape[0], Batch) or type(shape[1]) is not int:
            raise UnsupportedStepError("zeros() or ones() of other than (batch, width)")
        return Value(graph.widened(graph.apply("copy", graph.constant(number)), shape[1]))

    return build


def _formula(formula: Callable[..., Term]) -> Build:
    """What a formula of one Term and some numbers builds, for a function of torch with the same arguments."""

    def build(graph: Graph, input: Operand, *settings: Operand, **named: Operand) -> Value:
        named = {name: setting for name, setting in named.items() if name != "inplace"}
        _check_numbers("an activation function", (*settings, *named.values()))
        return Value(formula(Term(graph, operand(graph, input)), *settings, **named).position)

    return build


def _elu(x: Term, alpha: float = 1.0) -> Term:
    return where(x > 0, x, alpha * apply("expm1", apply("clamp_max", x, 0)))


def _gelu(x: Term, approximate: str = "none") -> Term:
    if approximate == "tanh":
        return 0.5 * x * (1 + apply("tanh", math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1 + apply("erf", x * math.sqrt(0.5)))


def _log_sigmoid(x: Term) -> Term:
    return apply("minimum", x, 0 * x) - apply("log1p", apply("exp", -apply("abs", x)))


def _hard_sigmoid(x: Term) -> Term:
    inner = apply("hardtanh", x, -3.0, 3.0)
    rounded = 0.16666667163372040 * inner  # 1 / 6 in float32, torch's derivative in every precision
    return rounded + apply("detach", inner / 6 + 0.5 - rounded)


def _hard_tanh(x: Term, min_val: float = -1.0, max_val: float = 1.0) -> Term:
    return apply("hardtanh", x, min_val, max_val)


def _leaky_relu(x: Term, negative_slope: float = 0.01) -> Term:
    return where(x > 0, x, negative_slope * x)


ACTIVATIONS: dict[str, Callable[..., Term]] = {
    "elu": _elu,
    "gelu": _gelu,
    "hardsigmoid": _hard_sigmoid,
    "hardtanh": _hard_tanh,
    "leaky_relu": _leaky_relu,
    "logsigmoid": _log_sigmoid,
    "silu": lambda x: x * apply("sigmoid", x),
}
"""The functions of torch.nn.functional by their names, with their settings."""


def _lerp(graph: Graph, input: Operand, end: Operand, weight: Operand) -> Value:
    start, stop, by = (Term(graph, operand(graph, argument)) for argument in (input, end, weight))
    return Value((start + by * (stop - start)).position)


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
    """From a function, or a method's name, to what it builds."""
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
    table |= dict.fromkeys([torch.masked_fill, "masked_fill"], _masked_fill)
    table |= {functional.relu: lambda graph, input, **_: plain("relu")(graph, input)}
    table |= dict.fromkeys([torch.clamp, torch.clip, "clamp", "clip"], _clamp)
    table |= dict.fromkeys([torch.pow, operator.pow, "pow"], _power)
    table |= {operator.mod: plain("remainder"), functional.softplus: _softplus}
    table |= {functional.sigmoid: plain("sigmoid"), functional.tanh: plain("tanh")}
    table |= {torch.zeros_like: _filled(0.0), torch.ones_like: _filled(1.0)}
    table |= dict.fromkeys([torch.zeros, "new_zeros"], _filled_of_size(0.0))
    table |= dict.fromkeys([torch.ones, "new_ones"], _filled_of_size(1.0))
    table |= {"where": _where_method, "clone": plain("copy"), torch.clone: plain("copy")}
    table |= {getattr(functional, name): _formula(formula) for name, formula in ACTIVATIONS.items()}
    table |= dict.fromkeys([torch.lerp, "lerp"], _lerp)
    table |= {torch.rand_like: _like("rand"), torch.randn_like: _like("randn"), functional.dropout: _dropout}
    return table | features.TABLE


TABLE = _build_table()
