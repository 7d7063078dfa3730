"""Command-line arguments: checked and put in order before Hydra reads them, and composed for commands without it."""

import json
import re
import shlex
import sys
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from omegaconf import DictConfig

from rnnbench.cli import menu
from rnnbench.errors import SettingError, did_you_mean
from rnnbench.runs.catalogue import LISTS, configuration_directory
from rnnbench.schema import override_value

HYDRA_OPTIONS_WITH_A_VALUE = (
    *menu.CONFIG_DIR, "-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-i", "--info",
    "--experimental-rerun",
)  # fmt: skip
HYDRA_OPTIONS = (
    *HYDRA_OPTIONS_WITH_A_VALUE, "-h", "--help", "--hydra-help", "--version", "--resolve", "-r", "--run", "-m",
    "--multirun", "-sc", "--shell-completion", "--dry-run",
)  # fmt: skip


def settings_and_options(
    arguments: Sequence[str],
    command: str = "rnnbench",
    options: Sequence[str] = HYDRA_OPTIONS,
    used: Sequence[str] = (*menu.GROUPS, "name"),
) -> tuple[list[str], list[str]]:
    """The settings among the arguments, and the options with their values. Raises SettingError for what is neither."""
    menu.check_own_directory(arguments)
    settings: list[str] = []
    found: list[str] = []
    for word in arguments:
        if found and found[-1] in HYDRA_OPTIONS_WITH_A_VALUE and word not in options:
            found.append(word)
        elif word.startswith("-"):
            if word.partition("=")[0] not in options:
                raise SettingError(f"{word}: no such option; {_meant(word, options)}`{command} --help` lists them")
            found.append(word)
        else:
            settings.append(_checked(word, arguments, used))
    return settings, found


def _checked(word: str, arguments: Sequence[str], used: Sequence[str]) -> str:
    """The setting, with a name that begins with a digit as text, which Hydra reads as a number. Raises SettingError."""
    group, is_setting, choice = word.partition("=")
    if not is_setting and not word.startswith("~"):
        before, directories = arguments[max(arguments.index(word) - 1, 0)], menu.config_directories(arguments)
        keys = [key for key in used if key == "name" or (key in menu.GROUPS and word in menu.choices(key, directories))]
        hint = f"; did you mean {' or '.join(f'{key}={word}' for key in keys)}?" if keys else ""
        if isinstance(override_value(word), float) and before.partition("=")[2]:
            hint = f"; values are separated by commas alone: -m {before},{word}"
        raise SettingError(f"{word}: must be key=value{hint}")
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        quoted = shlex.quote(f'{group}="{choice}"')
        said = f"{word}: cannot be read; close its brackets and quotes, or quote all of it: {quoted}"
        raise SettingError(said) from None
    value = override.value()
    if (bounds := re.fullmatch(r"(\d+)(?:-|\.\.|:)(\d+)", choice)) and menu.settings().get(group, ("",))[0].isdecimal():
        swept = f"-m '{group}=range({bounds[1]},{int(bounds[2]) + 1})'"
        raise SettingError(f"{word}: must be a whole number; {swept} is a sweep of these")
    no_names = (int, float, type(None), *(() if group in LISTS else (list,)))
    for each in value.list if isinstance(value, ChoiceSweep) else [value]:
        if group in menu.GROUPS and isinstance(each, no_names):
            raise SettingError(f"{word}: must be a name; `rnnbench --help {group}` lists the choices")
    return re.sub(r"^name=(\d[\w.-]*)$", r"name='\1'", word)


def _meant(option: str, options: Sequence[str]) -> str:
    """What an unknown option may mean: an option, or a setting, which has no dashes."""
    name, _, value = option.lstrip("-").partition("=")
    if name.replace("-", "_") in menu.settings():
        return f"a setting has no dashes: {name.replace('-', '_')}={value or 'VALUE'}; "
    return did_you_mean(option.partition("=")[0], options)


def composed(arguments: Sequence[str], command: str, used: Sequence[str]) -> DictConfig:
    """The configuration from `key=value` arguments and --config-dir, whose components can be imported from then on.

    `used` names the settings that the command uses, a dot at the end standing for all below. Raises SettingError for
    an option or a setting that it would ignore.
    """
    settings, _ = settings_and_options(arguments, command, menu.CONFIG_DIR, used)
    for setting in settings:
        key, _, value = setting.lstrip("+~").partition("=")
        if not menu.is_among(key, used):
            raise SettingError(f"{setting}: {command} does not use it; it takes {', '.join(used)}")
        if OverridesParser.create().parse_override(setting).is_sweep_override():
            key = key.removeprefix("report.")
            raise SettingError(f"{key}={value}: must be one value or a list, {key}=[{value}]")
    folders = [str(folder.resolve()) for folder in menu.own_directories(arguments)]
    sys.path += [folder for folder in folders if folder not in sys.path]
    places = [json.dumps(f"file://{folder}", ensure_ascii=False) for folder in folders]
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        return compose("config", overrides=[*settings, f"hydra.searchpath=[{','.join(places)}]"])
