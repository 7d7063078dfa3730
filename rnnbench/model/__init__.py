"""The model: layers of a cell and a linear readout."""

from rnnbench.model.model import LayeredTap, Model

__all__ = ["LayeredTap", "Model"]
