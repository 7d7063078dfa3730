"""The text of --help: all settings and choices, each with the comment in its YAML; the configuration directory."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import rnnbench
from rnnbench.runs.catalogue import configuration_directory

GROUPS = {
    "experiment": "named sweeps (experiment=NAME runs all of it)",
    "cell": "recurrent cells",
    "task": "tasks",
    "optimizer": "optimizers",
    "schedule": "schedules of the learning rate",
    "probe": "measurements beside training (probe=[a,b])",
    "table": "tables of the report (table=[a,b])",
    "figure": "figures of the report (figure=[a,b])",
    "wandb": "Weights & Biases",
    "hydra/sweeper": "how a sweep combines its settings (default: union; optuna too, see docs/cluster.md)",
    "hydra/launcher": "where a sweep's runs go (default: Hydra's basic, one after the other)",
}

RENAMED = {
    "cell=gru_nobias": "cell=gru_concat_no_bias",
    "cell=gru_split_nobias": "cell=gru_no_bias",
}
"""Choices by their former name, which an old script may still use."""


def choices(group: str, directories: list[Path]) -> dict[str, str]:
    """The group's choices by name, each with the first comment line of its YAML that is not a package directive."""
    return {name: _first_comment(path) for name, path in _files(group, directories).items()}


def _files(group: str, directories: list[Path]) -> dict[str, Path]:
    return {path.stem: path for directory in directories for path in sorted((directory / group).glob("*.yaml"))}


def menu(directories: list[Path]) -> str:
    """All groups with their choices, and the settings of config.yaml with their comments."""
    lines = [
        "rnnbench compares recurrent cells.\n",
        "  rnnbench key=value ...         one run",
        "  rnnbench -m key=a,b ...        a sweep over all combinations",
        "  rnnbench experiment=NAME       a named sweep",
        "  rnnbench-report name=NAME      tables and figures of a sweep",
        "  rnnbench-sync name=NAME        uploads a sweep's runs to Weights & Biases",
        "  rnnbench-dashboard name=NAME   saves a workspace of them there",
        "  rnnbench --config-dir DIR ...  with cells, tasks and experiments of your own",
        "  rnnbench --cfg job ...         the whole configuration, without running",
        "  rnnbench -sc install=bash      completion of all this with TAB; see docs/install.md",
        "  rnnbench --version             the version\n",
    ]
    lines.append("Choices, each with the settings that it brings and their defaults\n")
    for group, meaning in GROUPS.items():
        lines.append(f"{group}: {meaning}")
        for name, path in _files(group, directories).items():
            lines.append(f"  {name:<22} {_first_comment(path)}")
            lines += _described(choice_settings(group, path), "    ", 36)
        lines.append("")
    lines.append("Settings of every run and sweep, with their defaults\n")
    lines += _described(settings(), "  ", 34)
    return "\n".join(lines)


def _described(settings: Mapping[str, tuple[str, str]], margin: str, width: int) -> list[str]:
    return [f"{margin}{f'{key}={default}':<{width}} {comment}".rstrip() for key, (default, comment) in settings.items()]


def settings() -> dict[str, tuple[str, str]]:
    """config.yaml's own settings by dotted key: the default as written, and the comment."""
    text = (configuration_directory() / "config.yaml").read_text(encoding="utf-8")
    return _settings(text.partition("\n\n")[2].partition("\nhydra:")[0])


def choice_settings(group: str, path: Path) -> dict[str, tuple[str, str]]:
    """The settings that a choice brings, likewise; none of an experiment, which sets those of others."""
    if group in ("experiment", "wandb"):
        return {}
    _, target, own = path.read_text(encoding="utf-8").partition("\n_target_:")
    package = {"probe": "probes", "table": "tables", "figure": "figures"}.get(group)
    prefix = group.replace("/", ".") if package is None else f"{package}.{path.stem}"
    return {f"{prefix}.{key}": value for key, value in _settings(own.partition("\n")[2]).items()} if target else {}


def _settings(text: str) -> dict[str, tuple[str, str]]:
    found, section, comment = {}, "", ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment = f"{comment} {stripped[1:].strip()}".strip()
        elif stripped.endswith(":"):
            section = stripped[:-1] + "."
        elif stripped:
            key, _, default = stripped.partition(": ")
            found[(section if line.startswith(" ") else "") + key] = (default, comment)
            comment = ""
    return found


def setting_names() -> list[str]:
    """The dotted keys of config.yaml."""
    return list(settings())


def is_among(word: str, names: Sequence[str]) -> bool:
    """Whether the setting of `key=value` is one of those named, a dot at the end standing for all below."""
    key = word.partition("=")[0]
    return any(key.startswith(name) if name.endswith(".") else key == name for name in names)


def own_directories(arguments: Sequence[str]) -> list[Path]:
    """The folders given as --config-dir."""
    found = []
    for position, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            given = value or "".join(arguments[position + 1 : position + 2])
            found += [Path(given).expanduser()] if given else []
    return found


def version_line() -> str:
    """What --version prints."""
    return f"rnnbench {rnnbench.__version__}"


def _first_comment(path: Path) -> str:
    comments = (line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")
