"""Command-line arguments: checked before Hydra reads them, and composed where no Hydra application runs."""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig

from rnnbench.cli.menu import GROUPS, choices, is_among, own_directories
from rnnbench.cli.search_path import search_first
from rnnbench.errors import SettingError
from rnnbench.runs.catalogue import configuration_directory
from rnnbench.schema import is_plain

HYDRA_OPTIONS_WITH_A_VALUE = frozenset(
    {"-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir", "-i",
     "--info", "--experimental-rerun"}
)  # fmt: skip
HYDRA_FLAGS = frozenset(
    {"-h", "--help", "--hydra-help", "--version", "--resolve", "-r", "--run", "-m", "--multirun", "-sc",
     "--shell-completion"}
)  # fmt: skip
LISTS = frozenset({"probe", "table", "figure"})
"""The groups of which several can be chosen."""
OPTIONS_WITH_A_VALUE = frozenset({"-cd", "--config-dir"})
"""The options of the commands that are no Hydra application."""
AT_HOME = re.compile(r"""(?P<key>\+{0,2}(?:results_dir|(?:report\.)?out))=(["']?)(?P<path>~[^,"'\[\]]*)\2""")
OPTION_AT_HOME = re.compile(r"(?P<option>-cd|--config-dir)=(?P<path>~.*)")
NAMES = re.compile(r"name=(?P<names>\[?[\w., -]+\]?)")


def overrides(
    arguments: Sequence[str],
    options: frozenset[str] = HYDRA_OPTIONS_WITH_A_VALUE,
    used: Sequence[str] = (*GROUPS, "name"),
) -> list[str]:
    """The overrides among the arguments, `key=value` or `~key`. Raises SettingError for any other argument."""
    found = [word for word in _words(arguments, options) if not word.startswith("-")]
    for word in found:
        if "=" not in word and not word.startswith("~"):
            if whole := _torn(word, arguments):
                raise SettingError(f"{word}: part of a value with a space; quote it: {shlex.quote(whole)}")
            raise SettingError(f"{word}: must be key=value{_meant(word, arguments, used)}")
    for word in found:
        _check_choice(word)
    return found


def options_last(arguments: Sequence[str]) -> list[str]:
    """The arguments with the settings first, since Hydra takes these in one row only: `cell=gru -m seed=0,1`.

    Raises SettingError for an option that Hydra does not have.
    """
    known = HYDRA_FLAGS | HYDRA_OPTIONS_WITH_A_VALUE
    options: list[str] = []
    settings: list[str] = []
    for word in arguments:
        if options and options[-1] in HYDRA_OPTIONS_WITH_A_VALUE and word not in known:
            options.append(word)
        elif not word.startswith("-"):
            settings.append(word)
        elif any(name.startswith(word.partition("=")[0]) for name in known):
            options.append(word)
        else:
            raise SettingError(f"{word}: no such option; `rnnbench --help` and `rnnbench --hydra-help` list them")
    return settings + options


def as_meant(arguments: Sequence[str]) -> list[str]:
    """The arguments with ~ as the home folder where a folder is given, and with names that are text, also 2024 and 1e3.

    Hydra reads `~` as an error and such a name as a number.
    """
    meant: list[str] = []
    for word in arguments:
        if match := AT_HOME.fullmatch(word):
            word = f"{match['key']}={_quoted(os.path.expanduser(match['path']))}"
        elif match := OPTION_AT_HOME.fullmatch(word):
            word = f"{match['option']}={os.path.expanduser(match['path'])}"
        elif meant and meant[-1] in OPTIONS_WITH_A_VALUE:
            word = os.path.expanduser(word)
        elif match := NAMES.fullmatch(word):
            word = f"name={re.sub(r'[^][, ]+', lambda name: _quoted(name[0]), match['names'])}"
        meant.append(word)
    return meant


def _quoted(text: str) -> str:
    """The text, in quotes where Hydra would not take it for text."""
    if is_plain(text) and re.fullmatch(r"[\w./-]+", text, re.ASCII):
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    return f'"{escaped}"'


def _check_choice(word: str) -> None:
    """Raise SettingError where the choice from a group is no name: Hydra reads `nan`, `1` and `null` as values."""
    group, _, choice = word.partition("=")
    if group not in GROUPS:
        return
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:  # Hydra tells it with its own words
        return
    sweep = override.is_sweep_override() and not isinstance(override.value(), Glob)
    values = list(override.sweep_iterator()) if sweep else [override.value()]
    is_name = [isinstance(value, str | Glob | QuotedString) for value in values]
    if group in LISTS:
        is_name = [named or isinstance(value, list) for named, value in zip(is_name, values, strict=True)]
    if not all(is_name):
        raise SettingError(f"{group}={choice}: must be a name; `rnnbench --help` lists the choices")


def composed(arguments: Sequence[str], command: str, used: Sequence[str]) -> DictConfig:
    """The configuration from `key=value` arguments and --config-dir, whose components can be imported from then on.

    `used` names the settings that the command uses, a dot at the end standing for all below. Raises SettingError for
    an option or a setting that it would ignore.
    """
    arguments = as_meant(arguments)
    for word in _words(arguments, OPTIONS_WITH_A_VALUE):
        if word.startswith("-") and word.partition("=")[0] not in OPTIONS_WITH_A_VALUE:
            raise SettingError(f"{word}: no such option; `{command} --help` lists them")
    settings = overrides(arguments, OPTIONS_WITH_A_VALUE, used)
    for setting in settings:
        key, _, value = setting.lstrip("+~").partition("=")
        if not is_among(key, used):
            raise SettingError(f"{setting}: {command} does not use it; it takes {', '.join(used)}")
        if OverridesParser.create().parse_override(setting).is_sweep_override():
            key = key.removeprefix("report.")
            raise SettingError(f"{key}={value}: must be one value or a list, {key}=[{value}]")
    own = own_directories(arguments)
    search_first(own)
    sys.path += [path for path in map(str, map(Path.resolve, own)) if path not in sys.path]
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        return compose("config", overrides=settings)


def _words(arguments: Sequence[str], options: frozenset[str]) -> Iterator[str]:
    """The arguments without the values of the options."""
    is_value = False
    for argument in arguments:
        if not is_value:
            yield argument
        is_value = argument in options and not is_value


def _torn(word: str, arguments: Sequence[str]) -> str:
    """The setting with brackets that a space has torn apart, as the shell does without quotes; "" where none has."""
    end = list(arguments).index(word)
    for start in range(end - 1, -1, -1):
        if "=" in arguments[start]:
            is_open = any(arguments[start].count(left) > arguments[start].count(right) for left, right in ("[]", "{}"))
            return " ".join(arguments[start : end + 1]) if is_open else ""
    return ""


def _meant(word: str, arguments: Sequence[str], used: Sequence[str]) -> str:
    """A suggestion for an argument without `=`, among the settings that the command uses."""
    directories = [configuration_directory(), *own_directories(arguments)]
    keys = [key for key in used if key == "name" or (key in GROUPS and word in choices(key, directories))]
    return f"; did you mean {' or '.join(f'{key}={word}' for key in keys)}?" if keys else ""
