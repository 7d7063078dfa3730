"""Cells of the menu, and what is drawn from a seed."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from rnnbench.cells import Cell

CONFIGURATIONS = Path(__file__).parents[1] / "conf" / "cell"
MENU = sorted(path.stem for path in CONFIGURATIONS.glob("*.yaml"))
AnyCell = TypeVar("AnyCell", bound=Cell)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cell_of_menu(name: str, input_size: int, hidden_size: int, **settings: Any) -> Cell:
    """Its weights are not drawn yet."""
    cell: Cell = instantiate(OmegaConf.load(CONFIGURATIONS / f"{name}.yaml"), input_size, hidden_size, **settings)
    return cell


def drawn(cell: AnyCell, seed: int = 0) -> AnyCell:
    """The cell with weights, in double precision."""
    cell.initialise(seeded(seed))
    return cell.double()


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)
