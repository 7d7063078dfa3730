"""The elementwise operations, each by itself: its form against torch, its rules against autograd."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from interpreted import NAMES
from reference_operations import evaluated, function_of
from torch import Tensor

from rnnbench.backends.fused.frontend.lowerings import TABLE
from rnnbench.backends.fused.ir.graph import Graph, Term, apply
from rnnbench.backends.fused.ir.nodes import State
from rnnbench.backends.fused.ir.operations import OPERATIONS, Precedence

SMOOTH = [-2.6, -1.1, -0.3, 0.2, 0.9, 1.7]
"""No kink of an operation lies here."""
KINKS = [-0.4, 0.0, -0.0, 0.6]
FAR = [30.0, -30.0, math.inf, -math.inf, math.nan]
SETTINGS: dict[str, list[float]] = {
    "clamp_min": [-0.4],
    "clamp_max": [0.6],
    "softplus": [1.5, 2.0],
    "pow": [3.0],
}
"""Operands that are numbers in every use."""
DIFFERENTIABLE = [name for name, operation in OPERATIONS.items() if any(operation.gradients)]


def operands_of(name: str, points: list[float]) -> list[Tensor]:
    """A value for every operand but the settings, in all pairs; those of `log` and `sqrt` are positive."""
    points = [abs(point) for point in points] if name in ("log", "log1p", "sqrt") else points
    count = OPERATIONS[name].arity - len(SETTINGS.get(name, []))
    x = torch.tensor(points, dtype=torch.float64)
    if count == 1:
        return [x]
    a, b = x.repeat_interleave(len(x)), x.repeat(len(x)) + (0.05 if points is SMOOTH else 0)
    return [a, b] if count == 2 else [a > b, a, b]


def by_rules(name: str, operands: list[Tensor], g: Tensor) -> list[Tensor | None]:
    """What the rules add to the gradients of the operands, evaluated by torch."""
    graph, given = Graph(), {}
    terms = []
    for value in [g, *operands]:
        if value.dtype == torch.bool:  # a comparison of a number with one
            number = graph.add(State(index=0, width=1))
            given[number] = value.double()
            terms.append(Term(graph, number) >= 1)
        else:
            terms.append(Term(graph, graph.add(State(index=0, width=1))))
            given[terms[-1].position] = value
    terms += [Term(graph, graph.constant(number)) for number in SETTINGS.get(name, [])]
    gradient, *values = terms
    y = apply(name, *values)
    found = [rule and rule(gradient, y, *values) for rule in OPERATIONS[name].gradients]
    results = evaluated(graph, given)
    return [None if term is None else results[term.position] for term in found]


def by_autograd(name: str, operands: list[Tensor], g: Tensor) -> list[Tensor | None]:
    leaves = [x if x.dtype == torch.bool else x.clone().requires_grad_() for x in operands]
    y = function_of(name)(*leaves, *SETTINGS.get(name, []))
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    gradients = iter(torch.autograd.grad(y, wanted, g))
    return [next(gradients) if leaf.requires_grad else None for leaf in leaves]


@pytest.mark.parametrize("name", [name for name in OPERATIONS if hasattr(torch, name)])
def test_a_step_may_call_every_operation_by_the_name_it_has_in_torch(name: str) -> None:
    assert getattr(torch, name) in TABLE
    assert name in TABLE or name == "where" or not hasattr(Tensor, name)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_rules_equal_autograd_also_at_kinks_and_infinity(name: str) -> None:
    operands = operands_of(name, SMOOTH + KINKS + FAR)
    g = torch.linspace(-1.5, 2.0, len(operands[-1]), dtype=torch.float64)
    for found, truth in zip(by_rules(name, operands, g), by_autograd(name, operands, g), strict=True):
        assert (found is None) == (truth is None)
        if found is not None:
            torch.testing.assert_close(found, truth, rtol=1e-14, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", OPERATIONS)
def test_forms_mean_what_torch_computes(name: str) -> None:
    operands, form = operands_of(name, SMOOTH + KINKS), OPERATIONS[name].form
    truth = function_of(name)(*operands, *SETTINGS.get(name, []))
    names: dict[str, Any] = {**NAMES, "real": np.float64}
    letters = [(letter, Precedence.ATOM) for letter in "abc"[: OPERATIONS[name].arity]]
    code = compile(form.filled(letters), name, "eval")
    for row in range(len(truth)):
        values = [value[row].item() for value in operands] + SETTINGS.get(name, [])
        with np.errstate(all="ignore"):
            numbers = [value if isinstance(value, bool) else np.float64(value) for value in values]
            found = eval(code, names | dict(zip("abc", numbers, strict=False)))
        np.testing.assert_allclose(found, truth[row].item(), rtol=1e-12, atol=1e-15)
