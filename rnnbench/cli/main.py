"""`rnnbench`: one run, a sweep, or a named experiment."""

import sys
from pathlib import Path

from rnnbench.cli.menu import configuration_directory, menu


def main() -> None:
    """The console command: the menu for --help, or else the Hydra application."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(menu([configuration_directory(), *_own_directories(arguments)]))
        return
    from rnnbench.cli.application import launch  # takes torch along, which the help can do without

    launch()


def _own_directories(arguments: list[str]) -> list[Path]:
    """The folders given as --config-dir."""
    found = []
    for position, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            found.append(Path(value or arguments[position + 1]))
    return found
