"""The configuration for commands that are no Hydra application."""

import sys

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from rnnbench.cli.menu import configuration_directory, own_directories


def composed(arguments: list[str]) -> DictConfig:
    """The configuration from `key=value` arguments and --config-dir, whose components can be imported from then on."""
    own = [directory.resolve() for directory in own_directories(arguments)]
    sys.path += [str(directory) for directory in own if str(directory) not in sys.path]
    overrides = [argument for argument in arguments if not argument.startswith("-") and "=" in argument]
    if own:
        overrides.append(f"hydra.searchpath=[{','.join(f'file://{directory}' for directory in own)}]")
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        return compose("config", overrides=overrides)
