"""Sums, norms and normalisations over the features of an example.

Over which axis a reduction goes is not looked at here: the result has the shape that torch computed when the step was
recorded, or is refused.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend.values import Build, Operand, Value, operand, width_of
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError
from rnnbench.backends.fused.ir.nodes import Concatenation, RowSum
from rnnbench.backends.fused.ir.terms import Term, apply, equal, where


def _reduction(function: str, formula: Callable[[Term, int], Term]) -> Build:
    """A function of the features of an example, (batch, 1). The axis is checked where the step was recorded."""

    def build(graph: Graph, input: Operand, *_: Operand, **settings: Operand) -> Value:
        width = width_of(graph, input, function)
        return Value(formula(Term(graph, operand(graph, input)), width).position)

    return build


def _mean(x: Term, width: int) -> Term:
    return _summed(x, width)


def _summed(x: Term, divisor: int = 1) -> Term:
    """The sum over features, (batch, 1)."""
    return Term(x.graph, x.graph.add(RowSum(operands=(x.position,), divisor=divisor, width=1)))


def _spread_variance(graph: Graph, input: Operand, correction: int) -> Term:
    width = width_of(graph, input, "var")
    if width <= correction:
        raise UnsupportedStepError(f"var() or std() of {width} features with correction={correction}")
    x = Term(graph, operand(graph, input))
    difference = x - _mean(x, width)
    return _summed(difference * difference, width - correction)


def _root(x: Term) -> Term:
    """The square root of a sum of squares, whose gradient torch takes for 0 at 0."""
    is_zero = equal(x, 0)
    return where(is_zero, 0, apply("sqrt", where(is_zero, 1, x)))


def _norm(graph: Graph, input: Operand, ord: Operand = 2, *_: Operand, **settings: Operand) -> Value:
    if ord not in (2, "fro", None):
        raise UnsupportedStepError(f"norm() of order {ord}")
    x = Term(graph, operand(graph, input))
    width_of(graph, input, "norm")
    return Value(_root(_summed(x * x)).position)


def _torch_norm(graph: Graph, input: Operand, p: Operand = 2, *_: Operand, **settings: Operand) -> Value:
    return _norm(graph, input, p)


def _normalize(
    graph: Graph, input: Operand, p: Operand = 2, dim: Operand = 1, eps: Operand = 1e-12, **settings: Operand
) -> Value:
    x, norm = Term(graph, operand(graph, input)), Term(graph, int(_norm(graph, input, p)))
    if dim not in (1, -1):
        raise UnsupportedStepError("normalize() other than over features")
    return Value((x / apply("clamp_min", norm, eps)).position)


def _variance(root: bool) -> Build:
    def build(
        graph: Graph,
        input: Operand,
        dim: Operand = None,
        unbiased: Operand = True,
        *_: Operand,
        correction: Operand = None,
        **settings: Operand,
    ) -> Value:
        correction = int(unbiased) if correction is None else int(correction)
        variance = _spread_variance(graph, input, correction)
        return Value((_root(variance) if root else variance).position)

    return build


def _layer_norm(
    graph: Graph,
    input: Operand,
    normalized_shape: Operand,
    weight: Operand = None,
    bias: Operand = None,
    eps: Operand = 1e-5,
) -> Value:
    width = _normalised_width(graph, input, normalized_shape, "layer_norm")
    return _scaled(_normalised(Term(graph, operand(graph, input)), width, eps), weight, bias)


def _normalised(x: Term, width: int, eps: float) -> Term:
    difference = x - _mean(x, width)
    variance = _summed(difference * difference, width)
    return difference * apply("rsqrt", variance + eps)


def _scaled(y: Term, weight: Operand, bias: Operand) -> Value:
    if weight is not None:
        y = y * Term(y.graph, operand(y.graph, weight))
    return Value((y if bias is None else y + Term(y.graph, operand(y.graph, bias))).position)


def _group_norm(
    graph: Graph,
    input: Operand,
    num_groups: Operand,
    weight: Operand = None,
    bias: Operand = None,
    eps: Operand = 1e-5,
) -> Value:
    count = width_of(graph, input, "group_norm") // num_groups
    position = operand(graph, input)
    groups = [Term(graph, graph.part(position, group * count, count)) for group in range(num_groups)]
    parts = tuple(_normalised(group, count, eps).position for group in groups)
    joined = graph.add(Concatenation(operands=parts, width=count * num_groups))
    return _scaled(Term(graph, joined), weight, bias)


def _rms_norm(
    graph: Graph, input: Operand, normalized_shape: Operand, weight: Operand = None, eps: Operand = None
) -> Value:
    width = _normalised_width(graph, input, normalized_shape, "rms_norm")
    x = Term(graph, operand(graph, input))
    y = x * apply("rsqrt", _summed(x * x, width) + (graph.epsilon if eps is None else eps))
    return Value((y if weight is None else y * Term(graph, operand(graph, weight))).position)


def _normalised_width(graph: Graph, input: Operand, shape: Operand, function: str) -> int:
    width = width_of(graph, input, function)
    if [*(shape if isinstance(shape, (tuple, list)) else (shape,))] != [width]:
        raise UnsupportedStepError(f"{function}() over {shape} of {width} features")
    return width


TABLE: dict[Any, Build] = {
    **dict.fromkeys([torch.sum, "sum"], _reduction("sum", lambda x, _: _summed(x))),
    **dict.fromkeys([torch.mean, "mean"], _reduction("mean", _mean)),
    **dict.fromkeys([torch.var, "var"], _variance(root=False)),
    **dict.fromkeys([torch.std, "std"], _variance(root=True)),
    **dict.fromkeys([torch.linalg.vector_norm, torch.linalg.norm], _norm),
    **dict.fromkeys([torch.norm, "norm"], _torch_norm),
    functional.normalize: _normalize,
    functional.group_norm: _group_norm,
    **dict.fromkeys([functional.layer_norm, torch.layer_norm], _layer_norm),
    **dict.fromkeys([functional.rms_norm, torch.rms_norm], _rms_norm),
}
"""From a function, or a method's name, to what it builds."""
