"""Starts of weights, orthogonality, and that every cell is compiled."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from rnnbench.backends import Fused
from rnnbench.cells.exprnn import Exprnn
from rnnbench.cells.indrnn import Indrnn
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.lstm_greff import LstmGreff, Variant
from rnnbench.cells.skew_symmetric import skew_symmetric


def test_indrnn_recurrent_weights_start_between_zero_and_one() -> None:
    cell = Indrnn(3, 2000)
    cell.initialise(torch.Generator().manual_seed(0))
    assert cell.u.min() >= 0
    assert cell.u.max() <= 1
    # The mean of 2000 draws from U(0, 1) has standard deviation 1 / sqrt(12 x 2000) = 0.0065.
    assert abs(cell.u.mean().item() - 0.5) < 0.026


def test_a_forget_bias_changes_no_other_draw() -> None:
    cell, left = Lstm(3, 5), Lstm(3, 5, forget_bias=None)
    for each in (cell, left):
        each.initialise(torch.Generator().manual_seed(0))
    assert torch.equal(cell.W_f.bias, torch.ones(5))
    assert left.W_f.bias.abs().max() < 5**-0.5
    assert torch.equal(left.W_i.weight, cell.W_i.weight)


@pytest.mark.parametrize(("variant", "biases"), [("vanilla", {"f": 1.0}), ("cifg", {"i": -1.0}), ("nfg", {})])
def test_where_the_memory_of_greffs_variants_starts(variant: Variant, biases: dict[str, float]) -> None:
    cell = LstmGreff(3, 50, variant=variant)
    cell.initialise(torch.Generator().manual_seed(0))
    for name in (*cell.gates, "g"):
        bias = getattr(cell, f"W_{name}").bias
        if name in biases:
            assert torch.equal(bias, torch.full((50,), biases[name]))
        else:
            assert bias.std() > 0.01


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_exprnn_is_orthogonal_and_starts_with_rotations_of_pairs(size: int) -> None:
    cell = Exprnn(3, size).double()
    cell.initialise(torch.Generator().manual_seed(0))
    B = torch.matrix_exp(skew_symmetric(cell.A, size)).detach()
    torch.testing.assert_close(B @ B.T, torch.eye(size, dtype=torch.float64), rtol=0, atol=1e-13)
    blocks = torch.block_diag(*(torch.ones(2, 2) for _ in range(size // 2)), torch.ones(size % 2, size % 2))
    torch.testing.assert_close(B, B * blocks, rtol=0, atol=1e-13)
    for pair in range(size // 2):
        cosine, sine = B[2 * pair, 2 * pair], B[2 * pair, 2 * pair + 1]
        torch.testing.assert_close(torch.atan2(sine, cosine), cell.A[_place(2 * pair, size)].detach())


def _place(row: int, size: int) -> int:
    """Where the number right of the diagonal in a row is among those above the diagonal."""
    return row * size - row * (row + 1) // 2


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "conf/cell").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_cell_of_the_menu_is_compiled(path: Path) -> None:
    assert Fused().unsupported_reason(instantiate(OmegaConf.load(path), 3, 4)) is None
