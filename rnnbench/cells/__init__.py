"""Recurrent cells: one file each with one `step`, from which all else is derived.

A concrete cell is imported from its own module (`rnnbench.cells.gru.Gru`), which its YAML in conf/cell names. The
package exports what all of them share:

- `cell`: the base class.
- `states`: the numbers in state tensors of any shape, and the check of an initial state.
- `skew_symmetric`: skew-symmetric matrices, for cells whose recurrent matrix is one or its exponential.
"""

from rnnbench.cells.cell import Cell, State, TorchEquivalent

__all__ = ["Cell", "State", "TorchEquivalent"]
