"""`rnnbench`: one run, a sweep, or a named experiment."""

import sys

from rnnbench.cli.menu import menu, own_directories, version_line
from rnnbench.cli.systems import check_system
from rnnbench.interruption import check, ignore_signals, listening
from rnnbench.runs.catalogue import configuration_directory

RESUMES = "launched again, it resumes from its checkpoints"


def command() -> None:
    """The console command, in a process of its own."""
    try:
        main()
    finally:
        ignore_signals()


def main() -> None:
    """The menu for --help, the version for --version, or else the Hydra application."""
    check_system()
    with listening("rnnbench", RESUMES):
        _answer(sys.argv[1:])


def _answer(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(menu([configuration_directory(), *own_directories(arguments)]))
    elif "--version" in arguments:
        print(version_line())
    else:
        from rnnbench.cli.application import launch  # imports torch, which the help can do without

        check()  # what is imported may have swallowed a signal
        launch(arguments)
