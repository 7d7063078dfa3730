"""Hydra takes plugins from the namespace package `hydra_plugins` alone; this one is in rnnbench.cli.search_path."""

from rnnbench.cli import search_path


class ConfigDirectories(search_path.ConfigDirectories):
    """The folders given as --config-dir come first."""
