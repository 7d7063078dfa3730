"""Hydra takes plugins from the namespace package `hydra_plugins` alone; the launchers are in rnnbench.cli.launching."""

from rnnbench.cli.launching import engines, slurm


class ParallelLauncher(engines.ParallelLauncher):
    """Worker processes on this machine."""


class DaskLauncher(engines.DaskLauncher):
    """The workers of a Dask cluster."""


class RayLauncher(engines.RayLauncher):
    """The workers of a Ray cluster."""


class SlurmLauncher(slurm.SlurmLauncher):
    """Slurm jobs."""
