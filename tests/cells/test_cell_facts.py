"""Counts from the papers, bounds of the state, starts of weights, and wrong settings."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from rnnbench.backends import Fused
from rnnbench.cells.exprnn import Exprnn
from rnnbench.cells.indrnn import Indrnn
from rnnbench.cells.lstm_greff import LstmGreff, Variant
from rnnbench.cells.skew_symmetric import skew_symmetric


def test_indrnn_recurrent_weights_start_between_zero_and_one() -> None:
    cell = Indrnn(3, 2000)
    cell.initialise(torch.Generator().manual_seed(0))
    assert cell.u.min() >= 0
    assert cell.u.max() <= 1
    # The mean of 2000 draws from U(0, 1) has standard deviation 1 / sqrt(12 x 2000) = 0.0065.
    assert abs(cell.u.mean().item() - 0.5) < 0.026


def test_parameters_of_greffs_variants() -> None:
    """A block is W, U and b, a peephole one number per unit; the full gate recurrence has nine more matrices."""
    m, n = 3, 4
    block = n * m + n * n + n
    wanted = {
        "vanilla": 4 * block + 3 * n, "nig": 3 * block + 2 * n, "nfg": 3 * block + 2 * n, "nog": 3 * block + 2 * n,
        "niaf": 4 * block + 3 * n, "noaf": 4 * block + 3 * n, "cifg": 3 * block + 2 * n, "np": 4 * block,
        "fgr": 4 * block + 3 * n + 9 * n * n,
    }  # fmt: skip
    found = {v: sum(p.numel() for p in LstmGreff(m, n, variant=v).parameters()) for v in get_args(Variant)}
    assert found == wanted


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
