"""`rnnbench-explain`: the loops that backend=fused compiles for a cell."""

import sys
from typing import Any

from rnnbench.cli.menu import version_line
from rnnbench.cli.systems import check_system
from rnnbench.interruption import listening

USAGE = """rnnbench-explain prints the source that backend=fused generates from a cell's `step` and compiles.

  rnnbench-explain cell=NAME [cell.SETTING=VALUE ...] [model.hidden_size=WIDTH] [--config-dir DIR]"""

USED = ("cell", "experiment", "cell.", "model.hidden_size")


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or a cell that the backend cannot run."""
    check_system()
    with listening("rnnbench-explain", "run it again"):
        _answer(sys.argv[1:])


def _answer(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(USAGE)
    elif "--version" in arguments:
        print(version_line())
    else:
        from rnnbench.cli.application import answering_in_one_line  # imports torch, which the help can do without

        answering_in_one_line(lambda: explain_cell(arguments))


def explain_cell(arguments: list[str]) -> None:
    """Print the source. Raises SettingError."""
    from omegaconf import OmegaConf

    from rnnbench.backends.fused import explain
    from rnnbench.cli.arguments import composed
    from rnnbench.cli.components import component, construct

    config = composed(arguments, "rnnbench-explain", USED)
    node: Any = OmegaConf.to_container(config.cell)
    cell = construct(component(node, "cell"), "cell", 2, config.model.hidden_size)
    print(construct(explain, "model", cell))
