"""The model: layers of a cell and a linear readout."""

from rnnbench.model.initialisation import INITIALISATIONS, initialise_cell
from rnnbench.model.model import LayeredTap, Model

__all__ = ["INITIALISATIONS", "LayeredTap", "Model", "initialise_cell"]
