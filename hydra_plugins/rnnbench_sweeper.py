"""Hydra takes plugins from the namespace package `hydra_plugins` alone; the sweeper is in rnnbench.cli.sweeper."""

from rnnbench.cli import sweeper


class UnionOfProducts(sweeper.UnionOfProducts):
    """A sweep over a union of products."""
