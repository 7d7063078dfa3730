"""From Hydra's configuration to settings, and to components in the user's own folder."""

import sys
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnbench.errors import SettingError, one_line
from rnnbench.runs.settings import Settings


def settings_of(config: DictConfig) -> Settings:
    """The checked settings of a composed configuration. Raises SettingError."""
    try:
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        content = OmegaConf.to_container(own, resolve=True)
    except OmegaConfBaseException as error:
        raise SettingError(one_line(error)) from error
    return Settings.from_content(content)


def import_from_config_directories(hydra: Any) -> None:
    """Make the user's own components importable from the folder of their YAML, given as --config-dir."""
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line" and source.path not in sys.path:
            sys.path.append(source.path)
