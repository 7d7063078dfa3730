"""`rnnbench`: one run, a sweep, or a named experiment."""

import sys

from rnnbench.cli.menu import configuration_directory, menu, own_directories


def main() -> None:
    """The console command: the menu for --help, or else the Hydra application."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(menu([configuration_directory(), *own_directories(arguments)]))
        return
    from rnnbench.cli.application import launch  # takes torch along, which the help can do without

    launch()
