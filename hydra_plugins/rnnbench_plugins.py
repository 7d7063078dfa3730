"""Hydra takes plugins only from classes of the namespace package `hydra_plugins`: here those of rnnbench.cli."""

from rnnbench.cli import sweeper
from rnnbench.cli.launching import engines

PLUGINS = (
    sweeper.UnionOfProducts,
    engines.ParallelLauncher,
    engines.DaskLauncher,
    engines.RayLauncher,
    engines.SlurmLauncher,
)
globals().update({each.__name__: type(each.__name__, (each,), {"__module__": __name__}) for each in PLUGINS})
