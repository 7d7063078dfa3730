"""Loops compiled from a cell's `step`: any cell of Linears and elementwise functions, near the hardware's limit."""

from rnnbench.backends.fused.backend import Fused, explain

__all__ = ["Fused", "explain"]
