"""What the commands that start no Hydra application share: --help, --version, and errors in one line."""

import sys
from collections.abc import Callable

from rnnbench.cli.menu import version_line


def answer(usage: str, command: Callable[[list[str]], None]) -> None:
    """Print the usage or the version where the program's arguments ask for it, or else run the command on them."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(usage)
    elif "--version" in arguments:
        print(version_line())
    else:
        from rnnbench.cli.application import answering_in_one_line  # imports Hydra, which the help can do without

        answering_in_one_line(lambda: command(arguments))
