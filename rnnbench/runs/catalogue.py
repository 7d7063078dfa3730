"""The settings of a run from the YAML files in conf/, composed without Hydra for calls from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rnnbench
from rnnbench.errors import SettingError, did_you_mean, one_line

LISTS = {"probe": "probes", "table": "tables", "figure": "figures"}
"""The groups of which a run or a report has several, with the section that they fill."""

Content = dict[str, Any]


def configuration_directory() -> Path:
    """The directory of config.yaml: inside the installed package, or at the top of a checkout."""
    package = Path(rnnbench.__file__).resolve().parent
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise FileNotFoundError(f"no conf/config.yaml in {package} or next to it; install rnnbench again")


def default_content(choices: Mapping[str, Any], directories: Sequence[Path] = ()) -> Content:
    """The settings of config.yaml with the choices of its groups, as `rnnbench group=choice ...` composes them.

    A choice is the name of a YAML file in conf/ or in one of the user's own `directories`, which come first; a mapping
    with `_target_` stands for the content of such a file. Raises SettingError for a choice that does not exist.
    """
    directories = [*directories, configuration_directory()]
    config = _read(directories[-1] / "config.yaml")
    defaults = [item for entry in config.pop("defaults") if isinstance(entry, dict) for item in entry.items()]
    content = {key: value for key, value in config.items() if key != "hydra"}
    for group, default in defaults:
        if group.startswith("override ") or group == "experiment":
            continue
        choice = choices.get(group, default)
        if section := LISTS.get(group):
            names = choice if isinstance(choice, list) else [choice]
            content[section] = {name: _choice(group, name, directories) for name in names}
        elif group == "schedule" and choice in (None, "none"):
            content[group] = None
        else:
            chosen = dict(choice) if isinstance(choice, Mapping) else _choice(group, choice, directories)
            content[group] = {**content.get(group, {}), **chosen}
    return content


def with_settings(content: Content, settings: Mapping[str, Any]) -> Content:
    """A copy with other values: `{"train.steps": 500}` and `{"train": {"steps": 500}}` are the same.

    Raises SettingError for a setting that does not exist; the arguments of components are checked when they are built.
    """
    for key, value in settings.items():
        content = _with(content, key.split("."), value, key)
    return content


def _with(content: Content, path: Sequence[str], value: Any, key: str) -> Content:
    name, *below = path
    if name not in content and "_target_" not in content:
        raise SettingError(f"{key}: no such setting; {did_you_mean(name, content)}there are {', '.join(content)}")
    within = content.get(name)
    if below:
        if not isinstance(within, dict):
            raise SettingError(f"{key}: {name} has no settings below it")
        return {**content, name: _with(within, below, value, key)}
    if isinstance(value, Mapping) and isinstance(within, dict) and "_target_" not in value:
        for inner, each in value.items():
            within = _with(within, str(inner).split("."), each, f"{key}.{inner}")
        return {**content, name: within}
    return {**content, name: dict(value) if isinstance(value, Mapping) else value}


def _choice(group: str, name: str, directories: Sequence[Path]) -> Content:
    for directory in directories:
        if (path := directory / group / f"{name}.yaml").is_file():
            return _read(path)
    raise SettingError(no_such_choice(group, str(name), directories))


def no_such_choice(group: str, choice: str, directories: Sequence[Path]) -> str:
    """That no directory has such a choice of the group, with the nearest one, or else where a custom one belongs."""
    there = sorted({path.stem for directory in directories for path in (directory / group).glob("*.yaml")})
    custom = f"a custom one is {group}/{choice}.yaml in the folder --config-dir, in Python in config_dirs; "
    return f"{group}={choice}: no such choice; {did_you_mean(choice, there) or custom}choose from {', '.join(there)}"


def _read(path: Path) -> Content:
    """A YAML file as Hydra reads it: 1e-3 is a number."""
    from omegaconf import OmegaConf  # which --help and completion can do without
    from omegaconf.errors import OmegaConfBaseException

    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OmegaConfBaseException, OSError) as error:
        raise SettingError(f"{path}: {one_line(error)}") from error
    return {str(key): value for key, value in content.items()}
