"""Hydra takes plugins from the namespace package `hydra_plugins` alone; the sweeper itself is in rnnbench.cli.sweep."""

from rnnbench.cli import sweep


class UnionOfProducts(sweep.UnionOfProducts):
    """A sweep over a union of products."""
