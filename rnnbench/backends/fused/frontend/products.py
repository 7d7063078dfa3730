"""Products of a value of the step with a matrix of the cell: as functions, methods and operators of torch have them."""

import operator
from typing import Any

import torch
from torch.nn import functional

from rnnbench.backends.fused.frontend.values import Build, Given, Operand, Value, operand
from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.graph import Graph, UnsupportedStepError, is_comparison

_REMEDY = "only of (batch, features) with a matrix of the cell, as in h @ self.U"


def linear(graph: Graph, input: Operand, weight: Operand, bias: Operand = None) -> Value:
    """input @ weight.T + bias."""
    return _added(graph, _product(graph, "linear", input, weight, is_transposed=False, bias=bias), bias)


def _matmul(graph: Graph, input: Operand, other: Operand) -> Value:
    return _product(graph, "matmul", input, other, is_transposed=True)


def _addmm(
    graph: Graph, input: Operand, mat1: Operand, mat2: Operand, *, beta: Operand = 1, alpha: Operand = 1
) -> Value:
    if (beta, alpha) != (1, 1):
        raise UnsupportedStepError("addmm() with a factor; write it as a product")
    return _added(graph, _product(graph, "addmm", mat1, mat2, is_transposed=True, bias=input), input)


def _einsum(graph: Graph, equation: Operand, *tensors: Operand) -> Value:
    """Of a value and a matrix, such as bi,ij->bj."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    terms, _, result = str(equation).replace(" ", "").partition("->")
    letters = terms.split(",")
    if len(tensors) != 2 or len(letters) != 2 or not all(len(term) == 2 for term in (*letters, result)):
        raise UnsupportedStepError(f"einsum({equation!r}); {_REMEDY}")
    if isinstance(tensors[0], Given):
        tensors, letters = tensors[::-1], letters[::-1]
    batch, summed, matrix = letters[0][0], letters[0][1], letters[1]
    columns = result.replace(batch, "", 1)
    if result[0] != batch or {*matrix} != {summed, columns} or len({batch, summed, columns}) != 3:
        raise UnsupportedStepError(f"einsum({equation!r}); {_REMEDY}")
    return _product(graph, "einsum", *tensors, is_transposed=matrix[0] == summed)


def _product(
    graph: Graph, function: str, input: Operand, weight: Operand, *, is_transposed: bool, bias: Operand = None
) -> Value:
    """A Linear; the bias belongs to it where it is a vector of the cell."""
    if not isinstance(weight, Given) or weight.tensor.dim() != 2 or not weight.tensor.is_floating_point():
        shape = f"{weight.path} of shape {tuple(weight.tensor.shape)}" if isinstance(weight, Given) else "this"
        raise UnsupportedStepError(f"{function}() with {shape}; {_REMEDY}")
    if isinstance(input, Given):
        input = Value(operand(graph, input))
    if not isinstance(input, Value):
        raise UnsupportedStepError(f"{function}() of this; {_REMEDY}")
    features, width = weight.tensor.shape if is_transposed else reversed(weight.tensor.shape)
    position = graph.widened(int(input), features)
    read = graph.nodes[position]
    name = weight.path.removesuffix(".weight")
    if is_comparison(read):
        raise UnsupportedStepError(f"{name} of a comparison; write torch.where(condition, 1.0, 0.0)")
    if read.width != features:
        raise UnsupportedStepError(f"{name} takes {features} features, not {read.width}")
    bias_path = bias.path if _is_bias(bias, width) else ""
    return Value(
        graph.add(
            nodes.Linear(
                operands=(position,), width=width, weight=weight.path, bias=bias_path, transposed=is_transposed
            )
        )
    )


def _added(graph: Graph, product: Value, bias: Operand) -> Value:
    """The product plus a bias that does not belong to it."""
    if bias is None or _is_bias(bias, graph.width(product)):
        return product
    return Value(graph.apply("add", int(product), operand(graph, bias)))


def _is_bias(bias: Operand, width: int) -> bool:
    return isinstance(bias, Given) and bias.tensor.shape == (width,) and bias.tensor.is_floating_point()


TABLE: dict[Any, Build] = {
    functional.linear: linear,
    torch.einsum: _einsum,
    **dict.fromkeys([torch.addmm, "addmm"], _addmm),
    **dict.fromkeys([torch.matmul, torch.mm, operator.matmul, "matmul", "mm"], _matmul),
}
"""From a function, or a method's name, to what it builds."""
