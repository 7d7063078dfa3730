"""The model: layers of a cell and a linear readout.

- `model`: the torch module.
- `recurrent`: a cell as a layer of your own model.
- `initialisation`: initialisations by name, for any cell.
- `budget`: the hidden size for a given number of parameters.
- `parameter_roles`: which parameters act on the input and which on the state.
"""

from rnnbench.model.budget import Counted, hidden_size_for
from rnnbench.model.initialisation import INITIALISATIONS, initialise_cell
from rnnbench.model.model import LayeredHook, Model

__all__ = ["INITIALISATIONS", "Counted", "LayeredHook", "Model", "hidden_size_for", "initialise_cell"]
