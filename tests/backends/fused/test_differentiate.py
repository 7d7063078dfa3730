"""Differentiation and simplification of whole graphs."""

import torch
from reference_operations import evaluated
from torch import Tensor

from rnnbench.backends.fused.ir import nodes
from rnnbench.backends.fused.ir.differentiate import differentiate, phases_of, simplified
from rnnbench.backends.fused.ir.gather import gather_products
from rnnbench.backends.fused.ir.graph import Graph

WIDTH = 5


def drawn(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(WIDTH, generator=generator, dtype=torch.float64) for _ in range(count)]


def elementwise_step() -> Graph:
    """h' = tanh(p h) h + exp(-h), s' = where(h > s, h s, 0.5 s): no product, so one phase."""
    graph = Graph()
    graph.add(nodes.Input(width=2))
    h, s = (graph.add(nodes.State(width=WIDTH, index=index)) for index in range(2))
    p = graph.add(nodes.Parameter(width=WIDTH, path="p"))
    kept = graph.apply("mul", graph.apply("tanh", graph.apply("mul", p, h)), h)
    new_h = graph.apply("add", kept, graph.apply("exp", graph.apply("neg", h)))
    half = graph.apply("mul", graph.constant(0.5), s)
    graph.outputs = (new_h, graph.apply("where", graph.apply("gt", h, s), graph.apply("mul", h, s), half))
    return graph


def test_gradients_of_an_elementwise_step_equal_autograd() -> None:
    step = gather_products(elementwise_step())
    for graph in (differentiate(step, phases_of(step)), simplified(differentiate(step, phases_of(step)))):
        h, s, p, of_new_h, of_new_s, earlier = (tensor.requires_grad_() for tensor in drawn(6))
        new_h, new_s = torch.tanh(p * h) * h + torch.exp(-h), torch.where(h > s, h * s, 0.5 * s)
        truth = torch.autograd.grad([new_h, new_s], [h, s, p], [of_new_h, of_new_s])
        (h_node, s_node), (p_node,) = graph.positions(nodes.State), graph.positions(nodes.Parameter)
        given = {h_node: h, s_node: s, p_node: p}
        for position in graph.positions(nodes.NextStateGradient):
            of = graph.at(position, nodes.NextStateGradient).of
            given[position] = (of_new_h, of_new_s)[graph.outputs.index(of)]
        given |= dict.fromkeys(graph.positions(nodes.EarlierGradient), earlier)
        values = evaluated(graph, given)
        for position, expected, before in zip((h_node, s_node, p_node), truth, (earlier, 0, earlier), strict=True):
            torch.testing.assert_close(values[graph.gradients[position]], expected + before, rtol=1e-13, atol=1e-15)


def test_numbers_of_different_sign_stay_apart() -> None:
    graph = Graph()
    h = graph.add(nodes.State(width=WIDTH, index=0))
    graph.outputs = tuple(graph.apply("div", graph.apply("abs", h), graph.constant(zero)) for zero in (0.0, -0.0))
    assert len(simplified(graph).positions(nodes.Constant)) == 2
