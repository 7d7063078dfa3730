"""`rnnbench`: one run, a sweep, or a named experiment."""

import gc
import sys

from rnnbench.cli.console import answer, fail
from rnnbench.cli.menu import menu
from rnnbench.errors import SettingError
from rnnbench.interruption import check, ignore_signals


def command() -> None:
    """The console command, in a process of its own."""
    try:
        main()
    finally:
        ignore_signals()
        gc.freeze()  # half a second of looking for garbage in torch


def main() -> None:
    """The menu for --help, the version for --version, or else the Hydra application."""
    try:
        usage = menu(sys.argv[1:]) if {"--help", "-h"} & set(sys.argv[1:]) else ""
    except SettingError as error:
        fail(str(error))
    answer("rnnbench", "launched again, it resumes from its checkpoints", usage, _launch, ())


def _launch(arguments: list[str]) -> None:
    from rnnbench.cli.application import launch  # imports Hydra, which the help can do without

    check()  # what is imported may have swallowed a signal
    launch(arguments)
