"""Activation functions and others that are composed of the elementwise operations."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend.values import Build, Given, Operand, Value, operand, width_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.backends.fused.ir.terms import Term, apply, where


def _composed(formula: Callable[..., Term]) -> Build:
    """What a formula of one Term and some settings builds, for a function of torch with the same arguments."""
    names = list(inspect.signature(formula).parameters)[1:]

    def build(graph: Graph, input: Operand, *settings: Operand, inplace: Operand = False, **named: Operand) -> Value:
        if len(settings) > len(names) and settings[len(names)] is False:  # inplace, by its place
            settings = settings[: len(names)]
        for setting in (*settings, *named.values()):
            if isinstance(setting, (Value, Given)):
                raise UnsupportedStepError("an activation function with a tensor as setting")
        if inplace or len(settings) > len(names):
            raise UnsupportedStepError("an activation function in place")
        return Value(formula(Term(graph, operand(graph, input)), *settings, **named).position)

    return build


def _sigmoid(x: Term) -> Term:
    return apply("sigmoid", x)


def _softplus(x: Term) -> Term:
    return apply("softplus", x, 1.0, 20.0)


def _elu(x: Term, alpha: float = 1.0) -> Term:
    return where(x > 0, x, alpha * apply("expm1", apply("clamp_max", x, 0)))


def _selu(x: Term) -> Term:
    return 1.0507009873554804934193349852946 * _elu(x, 1.6732632423543772848170429916717)


def _celu(x: Term, alpha: float = 1.0) -> Term:
    return where(x > 0, x, alpha * apply("expm1", apply("clamp_max", x, 0) / alpha))


def _gelu(x: Term, approximate: str = "none") -> Term:
    if approximate == "tanh":
        return 0.5 * x * (1 + apply("tanh", math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1 + apply("erf", x * math.sqrt(0.5)))


def _log_sigmoid(x: Term) -> Term:
    return apply("minimum", x, 0 * x) - apply("log1p", apply("exp", -apply("abs", x)))


def _threshold(x: Term, threshold: float, value: float) -> Term:
    return where(x > threshold, x, value)


def _hard_shrink(x: Term, lambd: float = 0.5) -> Term:
    return where(apply("abs", x) > lambd, x, 0)


def _soft_shrink(x: Term, lambd: float = 0.5) -> Term:
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0))


_SIXTH_OF_TORCH = 0.16666667163372040
"""1 / 6 in float32, torch's derivative of hardsigmoid in every precision."""


def _hard_sigmoid(x: Term) -> Term:
    inner = apply("hardtanh", x, -3.0, 3.0)
    rounded = _SIXTH_OF_TORCH * inner
    return rounded + apply("detach", inner / 6 + 0.5 - rounded)


def _hard_swish(x: Term) -> Term:
    return where(x <= -3, 0, where(x < 3, x * (x / 6 + 0.5), x))


def _hard_tanh(x: Term, min_val: float = -1.0, max_val: float = 1.0) -> Term:
    return apply("hardtanh", x, min_val, max_val)


def _leaky_relu(x: Term, negative_slope: float = 0.01) -> Term:
    return where(x > 0, x, negative_slope * x)


FORMULAS: dict[str, Callable[..., Term]] = {
    "celu": _celu,
    "elu": _elu,
    "gelu": _gelu,
    "hardshrink": _hard_shrink,
    "hardsigmoid": _hard_sigmoid,
    "hardswish": _hard_swish,
    "hardtanh": _hard_tanh,
    "leaky_relu": _leaky_relu,
    "logsigmoid": _log_sigmoid,
    "mish": lambda x: x * apply("tanh", _softplus(x)),
    "relu6": lambda x: apply("hardtanh", x, 0.0, 6.0),
    "selu": _selu,
    "silu": lambda x: x * _sigmoid(x),
    "softshrink": _soft_shrink,
    "softsign": lambda x: x / (1 + apply("abs", x)),
    "tanhshrink": lambda x: x - apply("tanh", x),
    "threshold": _threshold,
}
"""The functions of torch.nn.functional by their names, with their settings."""


def _prelu(graph: Graph, input: Operand, weight: Operand) -> Value:
    x, slope = (Term(graph, operand(graph, argument)) for argument in (input, weight))
    return Value(where(x > 0, x, slope * x).position)


def _lerp(graph: Graph, input: Operand, end: Operand, weight: Operand) -> Value:
    start, stop, by = (Term(graph, operand(graph, argument)) for argument in (input, end, weight))
    return Value((start + by * (stop - start)).position)


def _addcmul(graph: Graph, input: Operand, first: Operand, second: Operand, *, value: Operand = 1) -> Value:
    total, a, b = (Term(graph, operand(graph, argument)) for argument in (input, first, second))
    return Value((total + (a * b if value == 1 else value * (a * b))).position)


def _glu(graph: Graph, input: Operand, dim: Operand = -1) -> Value:
    half = width_of(graph, input, "glu") // 2
    position = operand(graph, input)
    value, gate = (Term(graph, graph.part(position, first, half)) for first in (0, half))
    return Value((value * _sigmoid(gate)).position)


def _module_function(name: str) -> Any:
    return getattr(functional, name)


TABLE: dict[Any, Build] = {
    **{_module_function(name): _composed(formula) for name, formula in FORMULAS.items()},
    **{getattr(torch, name): _composed(FORMULAS[name]) for name in ("selu", "celu", "hardshrink")},
    "hardshrink": _composed(_hard_shrink),
    torch.prelu: _prelu,
    functional.prelu: _prelu,
    **dict.fromkeys([torch.lerp, "lerp"], _lerp),
    **dict.fromkeys([torch.addcmul, "addcmul"], _addcmul),
    functional.glu: _glu,
}
"""From a function, or a method's name, to what it builds."""
