"""`rnnbench`: one run, a sweep, or a named experiment."""

import sys

from rnnbench.cli.menu import configuration_directory, menu, own_directories, version_line


def main() -> None:
    """The console command: the menu for --help, the version for --version, or else the Hydra application."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(menu([configuration_directory(), *own_directories(arguments)]))
    elif "--version" in arguments:
        print(version_line())
    else:
        from rnnbench.cli.application import launch  # imports torch, which the help can do without

        launch(arguments)
