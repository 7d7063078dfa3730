"""`rnnbench-report`: tables and figures of a sweep, from its run folders."""

import sys
from pathlib import Path
from typing import Any

from rnnbench.cli.menu import choices, configuration_directory, own_directories

USAGE = """rnnbench-report makes the tables and figures of a sweep from its run folders, without training.

  rnnbench-report name=NAME             of a sweep launched with name=NAME
  rnnbench-report experiment=NAME       of a named experiment, with its own figures
  rnnbench-report ... results_dir=DIR   below another folder than ./results
  rnnbench-report ... figure=[a,b]      with these figures (`rnnbench --help` lists them)

They go to <results_dir>/<name>/: runs.csv, comparison.csv/.md/.tex, figures/*.pdf and *.png."""


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or when there are no runs."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        print(USAGE)
        return
    from rnnbench.cli.application import answering_in_one_line  # takes torch along, which the help can do without

    answering_in_one_line(lambda: report(arguments))


def report(arguments: list[str]) -> None:
    """Compose the configuration, read the runs, write and print the report. Raises SettingError."""
    from omegaconf import OmegaConf

    from rnnbench.analysis.results import load_results
    from rnnbench.cli.build import component, construct
    from rnnbench.cli.composition import composed
    from rnnbench.cli.settings import SettingError
    from rnnbench.report import write_report

    config = composed(arguments)
    nodes: Any = OmegaConf.to_container(config.figures, resolve=True) if "figures" in config else {}
    figures = {name: construct(component(node, f"figures.{name}"), f"figures.{name}") for name, node in nodes.items()}
    known_cells = list(choices("cell", [configuration_directory(), *own_directories(arguments)]))
    root = Path(config.results_dir) / config.name
    try:
        table = write_report(load_results(root), figures, known_cells)
    except ValueError as error:
        raise SettingError(str(error)) from error
    print(table)
    print(f"\nRuns, tables and figures are in {root}:")
    for path in sorted([*root.glob("*.*"), *root.glob("figures/*")]):
        print(f"  {path.relative_to(root)}")
