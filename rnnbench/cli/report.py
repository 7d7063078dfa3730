"""`rnnbench-report`: tables and figures of a sweep, from its run folders."""

import atexit
import errno
import logging
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnbench.cli.console import answer
from rnnbench.cli.menu import choices, is_among, own_directories
from rnnbench.cli.systems import check_system
from rnnbench.errors import SettingError
from rnnbench.interruption import listening
from rnnbench.runs.catalogue import configuration_directory

if TYPE_CHECKING:
    from rnnbench.analysis.results import Results
    from rnnbench.report.settings import ReportSettings

USAGE = """rnnbench-report makes the tables and figures of a sweep from its run folders, without training.

  rnnbench-report name=NAME             of a sweep launched with name=NAME
  rnnbench-report experiment=NAME       of a named experiment, with its own figures
  rnnbench-report name=[a,b]            of two sweeps or more together, in results/a+b
  rnnbench-report ... results_dir=DIR   below another folder than ./results
  rnnbench-report ... figure=[a,b]      with these figures (`rnnbench --help` lists them), and table=[a,b]
  rnnbench-report ... tuned=SETTING     with the best value of a swept SETTING for each cell and task; the seeds in
                                        tuning.seeds=[0,1] then choose and are not reported
  rnnbench-report ... --config-dir DIR  with cells, tasks, tables and figures of your own

Which runs, by the columns of runs.csv:

  only.cell=[gru,lstm] only.task.length=[100] only.seed=[0,1]

Where to and how it looks (`report` in an experiment's file):

  out=paper/adding                      folder of the tables, figures and page
  formats=[pdf,png,svg]                 of the figures (default: pdf and png)
  width=column                          of the figures: column (3.3 inches), text (6.8) or inches, such as 5.5
  style=ggplot                          a style of matplotlib, or a file such as paper.mplstyle
  columns.comparison=[task,cell,solved] columns of a table, by their headings; the .csv keeps all

A table or figure that cannot be made is left out, by name, and the rest is written; the exit code is then 2 if all
those lack something that can be set, and 1 if one ended in a bug.

They go to <results_dir>/<name>/: report.html, tables as .csv, .md and .tex, figures/*.pdf and *.png, each with its
provenance as .json, runs.csv and data/. Without run folders, these last two suffice to make the report again. Tables
and figures of an earlier report that are not made again are removed."""

OWN = ("out", "formats", "width", "style", "columns.")
"""Settings in `report` of the configuration."""
USED = (
    "name", "experiment", "results_dir", "only.", *OWN, "tuned", "tuning.", "table", "figure", "tables.", "figures.",
    "report.",
)  # fmt: skip


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or when there are no runs."""
    check_system()
    with listening("rnnbench-report", "run it again"):
        answer(USAGE, USED, report)


def report(arguments: list[str]) -> None:
    """Compose the configuration, read the runs, write and print the report.

    Raises SettingError, and SystemExit where a table or figure could not be made.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of caches and fonts, which are its own concern
    from rnnbench.report import Figure, Table, write_report

    config, settings = request(arguments)
    figures: dict[str, Figure] = components(config, "figures")
    tables: dict[str, Table] = components(config, "tables")
    if unknown := set(settings.columns) - set(tables):
        there = ", ".join(tables) or "none"
        raise SettingError(f"columns.{min(unknown)}: no such table in the report; there are {there}")
    known_cells = list(choices("cell", [configuration_directory(), *own_directories(arguments)]))
    command = shlex.join(["rnnbench-report", *arguments])
    results = _read(_names(config), Path(config.results_dir), elsewhere=settings.out is not None)
    if settings.out is not None:
        _check_is_no_experiment(settings.out, results.root)
    chosen = _chosen(config, results, settings.only)
    written = write_report(chosen, tables, figures, known_cells, command, settings, _description(arguments))
    print(written.text)
    print(f"\n{'Runs, tables' if settings.out is None else 'Tables'} and figures are in {written.folder}:")
    for path in sorted(written.files):
        print(f"  {path.relative_to(written.folder)}")
    if written.removed:
        print(f"Removed, since they were of an earlier report: {', '.join(written.removed)}")
    if written.failed:
        raise SystemExit(_say_why([each.error for each in written.failed]))


def request(arguments: Sequence[str]) -> "tuple[Any, ReportSettings]":
    """The configuration that the arguments compose, and the report's own settings. Raises SettingError."""
    from omegaconf import OmegaConf
    from pydantic import ValidationError

    from rnnbench.cli.arguments import composed
    from rnnbench.errors import validation_message
    from rnnbench.report.settings import ReportSettings

    of_config = [word for word in arguments if not word.startswith("only.")]
    words = [f"++report.{word}" if is_among(word, OWN) else word for word in of_config]
    config = composed(words, "rnnbench-report", USED)
    content: Any = OmegaConf.to_container(config.report, resolve=True)
    content["only"] = content["only"] | dict(_only(word) for word in arguments if word.startswith("only."))
    try:
        return config, ReportSettings.model_validate(content)
    except ValidationError as error:
        raise SettingError(validation_message(error)) from error


def _description(arguments: Sequence[str]) -> str:
    """What the experiment's file says first, where the report is of a named one."""
    known = choices("experiment", [configuration_directory(), *own_directories(arguments)])
    named = [word.partition("=")[2] for word in arguments if word.startswith("experiment=")]
    return known.get(named[-1], "") if named else ""


def _only(word: str) -> tuple[str, list[Any]]:
    """Column and values of `only.COLUMN=[...]`."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString
    from hydra.errors import HydraException

    key, _, text = word.partition("=")
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException as error:
        raise SettingError(f"{word}: must be {key}=VALUE or {key}=[VALUE,...]") from error
    value = override.value()
    if override.is_sweep_override():
        raise SettingError(f"{word}: must be a list, {key}=[{text}]")
    values = value if isinstance(value, list) else [value]
    return key.removeprefix("only."), [each.text if isinstance(each, QuotedString) else each for each in values]


def _names(config: Any) -> list[str]:
    """The names of the experiments to be reported."""
    from omegaconf import ListConfig

    from rnnbench.schema import checked_name

    names = list(config.name) if isinstance(config.name, ListConfig) else [config.name]
    if not names:
        raise SettingError("name=[]: must name an experiment")
    try:
        return [checked_name(name) for name in names]
    except ValueError as error:
        raise SettingError(f"name={','.join(map(str, names))}: {error}") from None


def _read(names: Sequence[str], results_dir: Path, elsewhere: bool) -> "Results":
    """The results of the experiment, or of several together, each of which is condensed in its own folder."""
    from rnnbench.analysis.archive import load_results
    from rnnbench.analysis.combined import together

    several = [_condensed(load_results(results_dir / name), elsewhere) for name in names]
    return several[0] if len(several) == 1 else together(several, results_dir / "+".join(names))


def _condensed(results: "Results", elsewhere: bool) -> "Results":
    """The results as condensed in their folder; where that is read-only and the report goes elsewhere, aside."""
    from rnnbench.analysis.archive import write_archive

    try:
        return write_archive(results)
    except OSError as error:
        if not elsewhere or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    aside = tempfile.mkdtemp(prefix="rnnbench-report-")
    atexit.register(shutil.rmtree, aside, ignore_errors=True)
    return write_archive(results, Path(aside))


def _check_is_no_experiment(out: Path, root: Path) -> None:
    """Raise SettingError where a report would be written over that of another experiment."""
    from rnnbench.schema import ExperimentFiles

    files = ExperimentFiles(out)
    if out.resolve() != root.resolve() and (files.runs.exists() or files.runs_table.exists()):
        raise SettingError(f"out={out}: is the folder of an experiment; choose another folder")


def _chosen(config: Any, results: "Results", only: Mapping[str, Sequence[Any]]) -> "Results":
    """The runs that `only` names, at the tuned value where a setting was tuned; the seeds that tune stay for that."""
    for column, values in only.items():
        for value in values:
            results.limited({column: [value]})  # refuses a value that no run has
    before = {column: values for column, values in only.items() if config.tuned is None or column != "seed"}
    after = {column: values for column, values in only.items() if column not in before}
    return _tuned(config, results.limited(before)).limited(after)


def _say_why(failures: Sequence[Exception]) -> int:
    """Print each error as `rnnbench.errors` defines; return the exit code of the worst."""
    from rnnbench.errors import component_traceback, one_line

    for error in failures:
        if isinstance(error, SettingError):
            print(f"rnnbench: {one_line(error)}", file=sys.stderr)
        else:
            print(component_traceback(error), end="", file=sys.stderr)
    return 2 if all(isinstance(error, SettingError) for error in failures) else 1


def _tuned(config: Any, results: "Results") -> "Results":
    """The results of the chosen values, where a setting was tuned."""
    from omegaconf import OmegaConf
    from pydantic import ValidationError

    from rnnbench.analysis.tuning import tune
    from rnnbench.errors import validation_message
    from rnnbench.runs.tuning_settings import TuningSettings

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

    from rnnbench.runs.components import component, construct

    nodes: Any = OmegaConf.to_container(config[group], resolve=True) if group in config else {}
    chosen = {name: node for name, node in nodes.items() if "_target_" in node}
    return {name: construct(component(node, f"{group}.{name}"), f"{group}.{name}") for name, node in chosen.items()}
