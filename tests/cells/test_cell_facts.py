"""Counts from the papers, bounds of the state, wrong settings, and a step that can be traced."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, fx, nn

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.gru_goodfellow import GruGoodfellow
from rnnbench.cells.indrnn import Indrnn
from rnnbench.cells.janet import Janet
from rnnbench.cells.lstm_peephole import LstmPeephole
from rnnbench.cells.min_gru import MinGru
from rnnbench.cells.mut1 import Mut1
from rnnbench.cells.mut2 import Mut2
from rnnbench.cells.rnn import Rnn

CONFIGURATIONS = sorted((Path(__file__).parents[2] / "conf" / "cell").glob("*.yaml"))


@pytest.mark.parametrize(
    ("cell", "parameters"),
    [
        (Rnn(100, 100), 20_100),
        (Gru(100, 46, bias=False), 20_148),
        (GruConcat(100, 46, bias=False), 20_148),
        (LstmPeephole(100, 36), 19_836),
    ],
    ids=["tanh", "gru", "gru_concat", "lstm_peephole"],
)
def test_chung_2014_recurrent_parameters(cell: Cell, parameters: int) -> None:
    assert sum(parameter.numel() for parameter in cell.parameters()) == parameters


@pytest.mark.parametrize("cell_class", [Mut1, Mut2])
def test_bare_input_is_projected_only_where_the_sizes_differ(cell_class: Callable[[int, int], Cell]) -> None:
    assert "P.weight" in dict(cell_class(3, 4).named_parameters())
    assert "P.weight" not in dict(cell_class(4, 4).named_parameters())


def largest_state(cell: Cell, weight: float) -> float:
    generator = torch.Generator().manual_seed(0)
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=weight, generator=generator)
    with torch.no_grad():
        outputs, _ = Eager().run(cell, torch.randn(60, 50, 3, generator=generator), cell.initial_state(50))
    return float(outputs.abs().max())


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_a_convex_mix_stays_within_one(weight: float) -> None:
    for cell in (Gru(3, 8), GruGoodfellow(3, 8), Mut1(3, 8), Janet(3, 8, beta=0.0)):
        assert largest_state(cell, weight) <= 1 + 1e-6


def test_janet_is_bounded_by_e_to_beta_and_not_by_one() -> None:
    assert 1 < largest_state(Janet(3, 8), 3.0) <= torch.e
    assert 1 < largest_state(Janet(3, 8, beta=2.0), 3.0) <= torch.e**2


def test_min_gru_has_no_bound() -> None:
    assert largest_state(MinGru(3, 8), 10.0) > 10


def test_indrnn_recurrent_weights_start_between_zero_and_one() -> None:
    cell = Indrnn(3, 2000)
    cell.initialise(torch.Generator().manual_seed(0))
    assert cell.u.min() >= 0
    assert cell.u.max() <= 1
    # The mean of 2000 draws from U(0, 1) has standard deviation 1 / sqrt(12 x 2000) = 0.0065.
    assert abs(cell.u.mean().item() - 0.5) < 0.026


@pytest.mark.parametrize("cell_class", [Rnn, Indrnn])
def test_wrong_activation(cell_class: Callable[..., Cell]) -> None:
    with pytest.raises(ValueError, match=r"^activation=sigmoid: must be tanh or relu$"):
        cell_class(3, 4, activation="sigmoid")


class Step(nn.Module):
    """A cell's step as a module's call, which torch.fx can trace."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> State:
        return self.cell.step(x, (h, c)[: len(self.cell.state_names)])


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_step_is_traceable_and_made_of_linear_maps_and_elementwise_functions(path: Path) -> None:
    cell: Cell = instantiate(OmegaConf.load(path), 3, 4)
    traced = fx.symbolic_trace(Step(cell))
    functions = {node.target.__name__ for node in traced.graph.nodes if node.op == "call_function"}
    elementwise = {"add", "sub", "mul", "sigmoid", "tanh", "relu"}
    assert functions <= elementwise | ({"cat"} if isinstance(cell, GruConcat) else set())
    assert {node.op for node in traced.graph.nodes} <= {
        "placeholder",
        "output",
        "call_function",
        "call_module",
        "get_attr",
    }
    x, h, c = (torch.randn(2, size, generator=torch.Generator().manual_seed(size)) for size in (3, 4, 4))
    for tensor, expected in zip(traced(x, h, c), Step(cell)(x, h, c), strict=True):
        torch.testing.assert_close(tensor, expected, rtol=0, atol=0)
