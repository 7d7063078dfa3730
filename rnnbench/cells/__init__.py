"""Recurrent cells: one file each, one `step` each, and all else derived from it."""

from rnnbench.cells.cell import Cell, State, TorchEquivalent
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn

__all__ = ["Cell", "Gru", "GruTorch", "Lstm", "Rnn", "State", "TorchEquivalent"]
