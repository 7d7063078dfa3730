"""`rnnbench-explain`: the loops that backend=fused compiles for a cell."""

import sys
from typing import Any

USAGE = """rnnbench-explain prints the source that backend=fused generates from a cell's `step` and compiles.

  rnnbench-explain cell=NAME [key=value ...] [--config-dir DIR]"""


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or a cell that the backend refuses."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(USAGE)
        return
    from rnnbench.cli.application import answering_in_one_line  # takes torch along, which the help can do without

    answering_in_one_line(lambda: explain_cell(arguments))


def explain_cell(arguments: list[str]) -> None:
    """Print the source. Raises SettingError."""
    from omegaconf import OmegaConf

    from rnnbench.backends.fused import explain
    from rnnbench.cli.build import component, construct
    from rnnbench.cli.composition import composed

    config = composed(arguments)
    node: Any = OmegaConf.to_container(config.cell)
    cell = construct(component(node, "cell"), "cell", 2, config.model.hidden_size)
    print(construct(explain, "model.backend", cell))
