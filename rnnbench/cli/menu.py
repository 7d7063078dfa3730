"""The menu: the choices of each group, the settings with their comments, and the text of --help."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnbench.errors import SettingError
from rnnbench.runs.catalogue import LISTS, configuration_directory

GROUPS = {
    "experiment": "named sweeps (experiment=NAME runs all of it)",
    "cell": "recurrent cells",
    "task": "tasks",
    "optimizer": "optimizers",
    "schedule": "schedules of the learning rate",
    "probe": "measurements made during training (probe=[a,b])",
    "table": "tables of the report (table=[a,b])",
    "figure": "figures of the report (figure=[a,b])",
    "wandb": "Weights & Biases",
    "hydra/sweeper": "how a sweep combines its settings (default: union; optuna too, see docs/cluster.md)",
    "hydra/launcher": "where a sweep's runs go (default: Hydra's basic, one after the other)",
}
CONFIG_DIR = ("-cd", "--config-dir")
"""The option that names a folder of custom components; the only one of the commands that are no Hydra application."""

USAGE = """rnnbench compares recurrent cells.

  rnnbench key=value ...         one run
  rnnbench -m key=a,b ...        a sweep over all combinations
  rnnbench experiment=NAME       a named sweep
  rnnbench-report name=NAME      tables and figures of a sweep
  rnnbench-sync name=NAME        uploads a sweep's runs to Weights & Biases
  rnnbench-dashboard name=NAME   saves a workspace of them there
  rnnbench --config-dir DIR ...  with custom cells, tasks and experiments
  rnnbench --cfg job ...         the whole configuration, without running
  rnnbench -sc install=bash      completion of all this with TAB; see docs/install.md
  rnnbench --version             the version

Choices, each with the settings that it brings and their defaults
"""


def choices(group: str, directories: Sequence[Path]) -> dict[str, str]:
    """The group's choices by name, each with the first comment line of its YAML that is not a package directive."""
    return {name: _first_comment(path) for name, path in _files(group, directories).items()}


def _files(group: str, directories: Sequence[Path]) -> dict[str, Path]:
    return {path.stem: path for directory in directories for path in sorted((directory / group).glob("*.yaml"))}


def menu(arguments: Sequence[str] = ()) -> str:
    """All groups with their choices, those of --config-dir too, and the settings of config.yaml with their comments."""
    lines, directories = [USAGE], config_directories(arguments)
    for group, meaning in GROUPS.items():
        lines.append(f"{group}: {meaning}")
        for name, path in _files(group, directories).items():
            lines.append(f"  {name:<22} {_first_comment(path)}")
            lines += _described(choice_settings(group, path), "    ", 36)
        lines.append("")
    lines.append("Settings of every run and sweep, with their defaults\n")
    return "\n".join([*lines, *_described(settings(), "  ", 34)])


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
    prefix = f"{LISTS[group]}.{path.stem}" if group in LISTS else group.replace("/", ".")
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


def _first_comment(path: Path) -> str:
    comments = (line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")


def is_among(word: str, names: Sequence[str]) -> bool:
    """Whether the setting of `key=value` is one of those named, a dot at the end standing for all below."""
    key = word.partition("=")[0]
    return any(key.startswith(name) if name.endswith(".") else key == name for name in names)


def config_directories(arguments: Sequence[str]) -> list[Path]:
    """rnnbench's own directory of choices, and the one given as --config-dir."""
    return [configuration_directory(), *own_directories(arguments)]


def own_directories(arguments: Sequence[str]) -> list[Path]:
    """The folder given as --config-dir, in a list that is empty where there is none."""
    return [
        Path(value or "".join(arguments[position + 1 : position + 2])).expanduser()
        for position, (option, _, value) in enumerate(argument.partition("=") for argument in arguments)
        if option in CONFIG_DIR
    ]


def check_own_directory(arguments: Sequence[str]) -> None:
    """Raise SettingError where --config-dir is given twice, is no folder, or has a choice that rnnbench has too.

    Of two choices of one name, and of two folders, Hydra would silently take one.
    """
    folders = own_directories(arguments)
    if len(folders) > 1:
        raise SettingError(f"--config-dir {folders[1]}: there is {folders[0]} already; put all into one folder")
    for folder in folders:
        if not folder.is_dir():
            raise SettingError(f"--config-dir {folder}: there is no such folder")
        own = [*folder.glob("config.yaml"), *(path for group in GROUPS for path in (folder / group).glob("*.yaml"))]
        if taken := [path for path in own if (configuration_directory() / path.relative_to(folder)).exists()]:
            raise SettingError(f"{taken[0]}: rnnbench has {taken[0].relative_to(folder)} too; rename yours")
