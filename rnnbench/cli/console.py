"""What the commands that start no Hydra application share: --help, --version, completion, and errors in one line."""

import sys
from collections.abc import Callable, Sequence

from rnnbench.cli.completion import OPTIONS, complete
from rnnbench.cli.menu import version_line


def answer(usage: str, used: Sequence[str], command: Callable[[list[str]], None]) -> None:
    """Print the usage, the version or completions where the program's arguments ask for it, or else run the command.

    `used` names the settings that the command takes, a dot at the end standing for all below.
    """
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(usage)
    elif "--version" in arguments:
        print(version_line())
    elif OPTIONS & set(arguments):
        complete(arguments, used)
    else:
        from rnnbench.cli.application import answering_in_one_line  # imports Hydra, which the help can do without

        answering_in_one_line(lambda: command(arguments))
