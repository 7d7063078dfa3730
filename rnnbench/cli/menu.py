"""The menu: the choices of each group, the settings with their comments, and the text of --help."""

import textwrap
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from rnnbench.errors import SettingError, did_you_mean
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

WIDTH = 100
"""Letters of the longest line of --help."""

USAGE = """rnnbench compares recurrent cells.

  rnnbench key=value ...         one run
  rnnbench -m key=a,b ...        a sweep over all combinations
  rnnbench experiment=NAME       a named sweep
  rnnbench --dry-run ...         lists the runs of a sweep, and which are done
  rnnbench-report name=NAME      tables and figures of a sweep
  rnnbench-sync name=NAME        uploads a sweep's runs to Weights & Biases
  rnnbench-dashboard name=NAME   saves a workspace of them there
  rnnbench --config-dir DIR ...  with custom cells, tasks and experiments
  rnnbench --cfg job ...         the whole configuration, without running
  rnnbench -sc install=bash      completion of all this with TAB; see docs/install.md
  rnnbench --version             the version
  rnnbench --help GROUP          the choices of a group with their settings, such as --help cell
  rnnbench --help settings       the settings of every run and sweep; --help train those of training
  rnnbench --help all            everything

"""


def choices(group: str, directories: Sequence[Path]) -> dict[str, str]:
    """The group's choices by name, each with the first comment line of its YAML that is not a package directive."""
    return {name: _first_comment(path) for name, path in _files(group, directories).items()}


def _files(group: str, directories: Sequence[Path]) -> dict[str, Path]:
    return {path.stem: path for directory in directories for path in sorted((directory / group).glob("*.yaml"))}


def menu(arguments: Sequence[str] = ()) -> str:
    """The text of --help: one screen, or all of the topics among the arguments. Raises SettingError for no topic."""
    directories, words = config_directories(arguments), zip(["", *arguments], arguments, strict=False)
    topics = [word for before, word in words if not word.startswith("-") and before not in CONFIG_DIR]
    if topics:
        return "\n\n".join(_topic(word, directories) for word in topics)
    groups = [_entry("  ", group, 15, ", ".join(choices(group, directories)), 1) for group in GROUPS]
    sections = dict.fromkeys(key.rpartition(".")[0] + "." if "." in key else key for key in settings())
    return USAGE + "\n".join(["Groups", *groups, "Settings", _entry("  ", "", 15, ", ".join(sections), 3)])


def _topic(word: str, directories: Sequence[Path]) -> str:
    """A group with its choices, one of these, or the settings that begin so. Raises SettingError."""
    key, _, choice = word.partition("=")
    group = next((group for group in GROUPS if key == group or key.startswith(f"{group}.")), None)
    if key == "all":
        return "\n\n".join(_topic(each, directories) for each in (*GROUPS, "settings"))
    if group is not None:
        lines = [f"{group}: {GROUPS[group]}"]
        for name, path in _files(group, directories).items():
            if choice in ("", name) or choice not in choices(group, directories):
                lines.append(_entry("  ", name, 22, _first_comment(path)))
                lines += _described(choice_settings(group, path), "    ", 36)
        return "\n".join(lines)
    found = {name: of for name, of in settings().items() if key == "settings" or f"{name}.".startswith(f"{key}.")}
    if not found:
        there = [*GROUPS, "settings", "all", *(name.partition(".")[0] for name in settings())]
        hint = did_you_mean(key, there).rstrip() or f"choose from {', '.join(dict.fromkeys(there))}"
        raise SettingError(f"--help {key}: no such group or settings; {hint}")
    return "\n".join(["Settings of every run and sweep, with their defaults", *_described(found, "  ", 34)])


def _described(settings: Mapping[str, tuple[str, str]], margin: str, width: int) -> list[str]:
    return [_entry(margin, f"{key}={default}", width, comment) for key, (default, comment) in settings.items()]


def _entry(margin: str, name: str, width: int, comment: str, lines: int | None = None) -> str:
    """A name with its comment next to it, or below a name longer than its column, on at most this many lines."""
    indent, is_short = " " * (len(margin) + width + 1), len(name) <= width
    text = textwrap.fill(
        comment, WIDTH, initial_indent=f"{margin}{name:<{width}} " if is_short else indent, subsequent_indent=indent,
        max_lines=lines, placeholder=" ...", break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return (text or f"{margin}{name}") if is_short else f"{margin}{name}\n{text}".rstrip()


def settings() -> dict[str, tuple[str, str]]:
    """config.yaml's own settings by dotted key: the default as written, and the comment."""
    text = (configuration_directory() / "config.yaml").read_text(encoding="utf-8")
    return _settings(text.partition("\n\n")[2].partition("\nhydra:")[0])


def every_setting(directories: Sequence[Path]) -> dict[str, tuple[str, str]]:
    """config.yaml's settings and those of all choices, likewise."""
    found = settings()
    for group in GROUPS:
        for path in _files(group, directories).values():
            found |= choice_settings(group, path)
    return found


def nearest_setting(key: str, known: Mapping[str, tuple[str, str]]) -> str | None:
    """The setting that a misspelt key may mean: `optimizer.lr` for optim.lr, lr, learning_rate; or one that has it."""
    last = {name: name.rpartition(".")[2] for name in known}
    word = key.rpartition(".")[2]
    endings = get_close_matches(word, list(last.values()), n=1)
    near = [name for name in known if last[name] in endings]
    said = [name for name, (_, comment) in known.items() if comment.lower().startswith(word.replace("_", " ").lower())]
    return next(iter([*near, *(name for name in known if word in last[name].split("_")), *said]), None)


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
    """Raise SettingError for what Hydra passes over: a second folder, none, choices of one name or without a place."""
    folders = own_directories(arguments)
    if len(folders) > 1:
        raise SettingError(f"--config-dir {folders[1]}: there is {folders[0]} already; put all into one folder")
    for folder in folders:
        if not folder.is_dir():
            raise SettingError(f"--config-dir {folder}: there is no such folder")
        own = [*folder.glob("config.yaml"), *(path for group in GROUPS for path in (folder / group).glob("*.yaml"))]
        if taken := [path for path in own if (configuration_directory() / path.relative_to(folder)).exists()]:
            raise SettingError(f"{taken[0]}: rnnbench has {taken[0].relative_to(folder)} too; rename yours")
        for group, section in LISTS.items():
            for path in (folder / group).glob("*.yaml"):
                if (place := f"# @package {section}.") not in path.read_text(encoding="utf-8", errors="replace"):
                    raise SettingError(f"{path}: its first line must be `{place}{path.stem}`, which says where it goes")
