"""Recurrent cells: one file each, one `step` each, and all else derived from it."""

from rnnbench.cells.cell import Cell, MemoryBiases, State, TorchEquivalent
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.gru_torch import GruTorch
from rnnbench.cells.indrnn import Indrnn
from rnnbench.cells.janet import Janet
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.lstm_cifg import LstmCifg
from rnnbench.cells.lstm_peephole import LstmPeephole
from rnnbench.cells.min_gru import MinGru
from rnnbench.cells.mut1 import Mut1
from rnnbench.cells.mut2 import Mut2
from rnnbench.cells.mut3 import Mut3
from rnnbench.cells.rnn import Rnn

__all__ = [
    "Cell",
    "Gru",
    "GruConcat",
    "GruTorch",
    "Indrnn",
    "Janet",
    "Lstm",
    "LstmCifg",
    "LstmPeephole",
    "MemoryBiases",
    "MinGru",
    "Mut1",
    "Mut2",
    "Mut3",
    "Rnn",
    "State",
    "TorchEquivalent",
]
