"""Command-line arguments: checked before Hydra reads them, and composed where no Hydra application runs."""

import sys
from collections.abc import Iterator, Sequence

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from rnnbench.cli.menu import GROUPS, choices, configuration_directory, own_directories
from rnnbench.errors import SettingError

HYDRA_OPTIONS_WITH_A_VALUE = frozenset(
    {"-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir", "-i",
     "--info", "--experimental-rerun"}
)  # fmt: skip
OPTIONS_WITH_A_VALUE = frozenset({"-cd", "--config-dir"})
"""The options of the commands that are no Hydra application."""


def overrides(
    arguments: Sequence[str],
    options: frozenset[str] = HYDRA_OPTIONS_WITH_A_VALUE,
    used: Sequence[str] = (*GROUPS, "name"),
) -> list[str]:
    """The overrides among the arguments, `key=value` or `~key`. Raises SettingError for any other argument."""
    found = [word for word in _words(arguments, options) if not word.startswith("-")]
    for word in found:
        if "=" not in word and not word.startswith("~"):
            raise SettingError(f"{word}: must be key=value{_meant(word, arguments, used)}")
    return found


def composed(arguments: Sequence[str], command: str, used: Sequence[str]) -> DictConfig:
    """The configuration from `key=value` arguments and --config-dir, whose components can be imported from then on.

    `used` names the settings that the command uses, a dot at the end standing for all below. Raises SettingError for
    an option or a setting that it would ignore.
    """
    for word in _words(arguments, OPTIONS_WITH_A_VALUE):
        if word.startswith("-") and word.partition("=")[0] not in OPTIONS_WITH_A_VALUE:
            raise SettingError(f"{word}: no such option; `{command} --help` lists them")
    settings = overrides(arguments, OPTIONS_WITH_A_VALUE, used)
    for setting in settings:
        key = setting.lstrip("+~").partition("=")[0]
        if not any(key.startswith(name) if name.endswith(".") else key == name for name in used):
            raise SettingError(f"{setting}: {command} does not use it; it takes {', '.join(used)}")
    own = [directory.resolve() for directory in own_directories(arguments)]
    sys.path += [str(directory) for directory in own if str(directory) not in sys.path]
    if own:
        settings.append(f"hydra.searchpath=[{','.join(f'file://{directory}' for directory in own)}]")
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        return compose("config", overrides=settings)


def _words(arguments: Sequence[str], options: frozenset[str]) -> Iterator[str]:
    """The arguments without the values of the options."""
    is_value = False
    for argument in arguments:
        if not is_value:
            yield argument
        is_value = argument in options and not is_value


def _meant(word: str, arguments: Sequence[str], used: Sequence[str]) -> str:
    """A suggestion for an argument without `=`, among the settings that the command uses."""
    directories = [configuration_directory(), *own_directories(arguments)]
    keys = [key for key in used if key == "name" or (key in GROUPS and word in choices(key, directories))]
    return f"; did you mean {' or '.join(f'{key}={word}' for key in keys)}?" if keys else ""
