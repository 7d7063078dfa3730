"""A compiler from a cell's `step` to two loops over time, for cells of products, elementwise functions and norms.

In: a cell. Out: `Fused`, the backend that runs it near the hardware's limit, and `explain`, its generated source.
`backend` leads a cell through the packages, `frontend`, `ir`, `codegen`, `kernels` and `runtime`, and caches the result
until the cell changes; `check` compares the loops with the plain loop before they are used. docs/fused.md says what
every package does, and shows the loops of a cell.
"""

from rnnbench.backends.fused.backend import Fused, explain

__all__ = ["Fused", "explain"]
