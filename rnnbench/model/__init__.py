"""The model: layers of a cell and a linear readout."""

from rnnbench.model.budget import Counted, hidden_size_for
from rnnbench.model.initialisation import INITIALISATIONS, initialise_cell
from rnnbench.model.model import LayeredHook, Model

__all__ = ["INITIALISATIONS", "Counted", "LayeredHook", "Model", "hidden_size_for", "initialise_cell"]
