"""Completion in the shell for the commands that are no Hydra application: Hydra's, limited to what they use."""

import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from rnnbench.cli.menu import is_among
from rnnbench.schema import ExperimentFiles

OPTIONS = frozenset({"-sc", "--shell-completion"})


def complete(arguments: list[str], used: Sequence[str]) -> None:
    """Print what Hydra's script asks for with `-sc query=bash`, or the script itself with `-sc install=bash`."""
    from rnnbench.cli.application import launch  # imports Hydra, which the help can do without

    if not any(word.startswith("query=") for word in arguments):
        launch(arguments)
        return
    with redirect_stdout(StringIO()) as printed:
        launch(arguments)
    *before, word = os.environ["COMP_LINE"].split(" ")
    candidates = [each for each in printed.getvalue().split() if not each.startswith("name=")]  # the default
    candidates += [name if name.endswith(".") else f"{name}=" for name in used]
    candidates += [f"name={name}" for name in _experiments(before)]
    fitting = {each for each in candidates if each.startswith(word) and each != word and is_among(each, used)}
    print(" ".join(sorted(fitting)))


def _experiments(words: Sequence[str]) -> list[str]:
    """The names of the experiments in the results folder that the words name."""
    given = [word.partition("=")[2] for word in words if word.startswith("results_dir=")]
    try:
        return [files.folder.name for files in ExperimentFiles.all_in(Path((given or ["results"])[-1]))]
    except OSError:
        return []
