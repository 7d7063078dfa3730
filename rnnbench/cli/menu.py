"""What there is to choose, in words: the configuration directory and each choice's first comment."""

from pathlib import Path

import rnnbench

GROUPS = {
    "experiment": "named sweeps (experiment=NAME runs all of it)",
    "cell": "recurrent cells",
    "task": "tasks",
    "optimizer": "optimizers",
    "probe": "measurements beside training (probe=[a,b])",
    "figure": "figures of the report (figure=[a,b])",
    "wandb": "Weights & Biases",
    "hydra/launcher": "where a sweep's runs go (joblib, submitit_slurm and Hydra's others too)",
}


def configuration_directory() -> Path:
    """The directory of config.yaml: inside the installed package, or at the top of a checkout."""
    package = Path(rnnbench.__file__).resolve().parent
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise FileNotFoundError(f"no conf/config.yaml in {package} or beside it; install rnnbench again")


def choices(group: str, directories: list[Path]) -> dict[str, str]:
    """The group's choices by name, each with the first comment line of its YAML that is not a package directive."""
    paths = {path.stem: path for directory in directories for path in sorted((directory / group).glob("*.yaml"))}
    return {name: _first_comment(path) for name, path in paths.items()}


def menu(directories: list[Path]) -> str:
    """All groups with their choices, and the settings of config.yaml with their comments."""
    lines = [
        "rnnbench compares recurrent cells.\n",
        "  rnnbench key=value ...         one run",
        "  rnnbench -m key=a,b ...        a sweep over all combinations",
        "  rnnbench experiment=NAME       a named sweep",
        "  rnnbench-report name=NAME      tables and figures of a sweep",
        "  rnnbench --config-dir DIR ...  with cells, tasks and experiments of your own",
        "  rnnbench --cfg job ...         the whole configuration, without running\n",
    ]
    for group, words in GROUPS.items():
        found = choices(group, directories)
        lines.append(f"{group}: {words}")
        lines += [f"  {name:<22} {comment}" for name, comment in found.items()]
        lines.append("")
    lines += ["settings, with their defaults", *_settings(directories[0] / "config.yaml")]
    return "\n".join(lines)


def _first_comment(path: Path) -> str:
    comments = (line[1:].strip() for line in path.read_text().splitlines() if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")


def _settings(path: Path) -> list[str]:
    """The lines `key: default  comment` of config.yaml's own settings."""
    lines, section, comment = [], "", ""
    own = path.read_text().partition("\n\n")[2].partition("\nhydra:")[0]
    for line in own.splitlines():
        text = line.strip()
        if text.startswith("#"):
            comment = f"{comment} {text[1:].strip()}".strip()
        elif text.endswith(":"):
            section = text[:-1] + "."
        elif text:
            prefix = section if line.startswith(" ") else ""
            lines.append(f"  {(prefix + text).replace(': ', '='):<34} {comment}")
            comment = ""
    return lines
