"""`rnnbench-report`: tables and figures of a sweep, from its run folders."""

import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnbench.cli.menu import choices, configuration_directory, own_directories, version_line
from rnnbench.cli.systems import check_system
from rnnbench.interruption import listening

USAGE = """rnnbench-report makes the tables and figures of a sweep from its run folders, without training.

  rnnbench-report name=NAME             of a sweep launched with name=NAME
  rnnbench-report experiment=NAME       of a named experiment, with its own figures
  rnnbench-report ... results_dir=DIR   below another folder than ./results
  rnnbench-report ... figure=[a,b]      with these figures (`rnnbench --help` lists them), and table=[a,b]
  rnnbench-report ... tuned=SETTING     with the best value of a swept SETTING for each cell and task; the seeds in
                                        tuning.seeds=[0,1] then choose and are not reported
  rnnbench-report ... --config-dir DIR  with cells, tasks, tables and figures of your own

A table or figure that cannot be made is left out, by name, and the rest is written; the exit code is then 2 if all
those lack something that can be set, and 1 if one ended in a bug.

They go to <results_dir>/<name>/: report.html, tables as .csv, .md and .tex, figures/*.pdf and *.png, each with its
provenance as .json, runs.csv and data/. Without run folders, these last two suffice to make the report again."""

USED = ("name", "experiment", "results_dir", "tuned", "tuning.", "table", "figure", "tables.", "figures.")


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or when there are no runs."""
    check_system()
    with listening("rnnbench-report", "run it again"):
        _answer(sys.argv[1:])


def _answer(arguments: list[str]) -> None:
    if {"--help", "-h"} & set(arguments):
        print(USAGE)
    elif "--version" in arguments:
        print(version_line())
    else:
        from rnnbench.cli.application import answering_in_one_line  # imports torch, which the help can do without

        answering_in_one_line(lambda: report(arguments))


def report(arguments: list[str]) -> None:
    """Compose the configuration, read the runs, write and print the report.

    Raises SettingError, and SystemExit where a table or figure could not be made.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of caches and fonts, which are its own concern
    from rnnbench.analysis.archive import load_results, write_archive
    from rnnbench.cli.arguments import composed
    from rnnbench.report import Figure, Table, write_report

    config = composed(arguments, "rnnbench-report", USED)
    figures: dict[str, Figure] = components(config, "figures")
    tables: dict[str, Table] = components(config, "tables")
    known_cells = list(choices("cell", [configuration_directory(), *own_directories(arguments)]))
    root = Path(config.results_dir) / config.name
    command = shlex.join(["rnnbench-report", *arguments])
    results = _tuned(config, write_archive(load_results(root)))
    written = write_report(results, tables, figures, known_cells, command)
    print(written.text)
    print(f"\nRuns, tables and figures are in {root}:")
    for path in sorted(written.files):
        print(f"  {path.relative_to(root)}")
    if written.failed:
        raise SystemExit(_say_why([each.error for each in written.failed]))


def _say_why(failures: Sequence[Exception]) -> int:
    """Print each error as `rnnbench.errors` defines; return the exit code of the worst."""
    from rnnbench.errors import SettingError, component_traceback, one_line

    for error in failures:
        if isinstance(error, SettingError):
            print(f"rnnbench: {one_line(error)}", file=sys.stderr)
        else:
            print(component_traceback(error), end="", file=sys.stderr)
    return 2 if all(isinstance(error, SettingError) for error in failures) else 1


def _tuned(config: Any, results: Any) -> Any:
    """The results of the chosen values, where a setting was tuned."""
    from omegaconf import OmegaConf
    from pydantic import ValidationError

    from rnnbench.analysis.tuning import tune
    from rnnbench.cli.settings import TuningSettings
    from rnnbench.errors import SettingError, validation_message

    if config.tuned is None:
        return results
    try:
        tuning = TuningSettings.model_validate(OmegaConf.to_container(config.tuning))
    except ValidationError as error:
        raise SettingError(f"tuning.{validation_message(error)}") from error
    return tune(results, config.tuned, tuning.seeds, tuning.by)


def components(config: Any, group: str) -> dict[str, Any]:
    """The group's tables or figures by name; what an experiment sets of one that was not chosen is passed over."""
    from omegaconf import OmegaConf

    from rnnbench.cli.components import component, construct

    nodes: Any = OmegaConf.to_container(config[group], resolve=True) if group in config else {}
    chosen = {name: node for name, node in nodes.items() if "_target_" in node}
    return {name: construct(component(node, f"{group}.{name}"), f"{group}.{name}") for name, node in chosen.items()}
