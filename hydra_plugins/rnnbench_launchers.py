"""Hydra takes plugins from the namespace package `hydra_plugins` alone; the launchers are in rnnbench.cli.launching."""

from rnnbench.cli.launching import slurm, workers


class ParallelLauncher(workers.ParallelLauncher):
    """Worker processes on this machine."""


class DaskLauncher(workers.DaskLauncher):
    """The workers of a Dask cluster."""


class RayLauncher(workers.RayLauncher):
    """The workers of a Ray cluster."""


class SlurmLauncher(slurm.SlurmLauncher):
    """Slurm jobs."""
