"""`rnnbench-report`: tables and figures of a sweep, from its run folders."""

import logging
import shlex
import shutil
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from omegaconf import ListConfig, OmegaConf
from pydantic import ValidationError

from rnnbench.cli.console import answer
from rnnbench.cli.menu import CONFIG_DIR, choices, config_directories, is_among
from rnnbench.errors import SettingError, print_error, validation_message
from rnnbench.schema import ExperimentFiles, checked_name

if TYPE_CHECKING:
    from rnnbench.analysis.results import Results
    from rnnbench.report import ReportSettings

USAGE = """rnnbench-report makes the tables and figures of a sweep from its run folders, without training.

  rnnbench-report name=NAME             of a sweep launched with name=NAME
  rnnbench-report experiment=NAME       of a named experiment, with its own figures
  rnnbench-report name=[a,b]            of two sweeps or more together, in results/a+b
  rnnbench-report ... results_dir=DIR   below another folder than ./results
  rnnbench-report ... figure=[a,b]      with these figures, and table=[a,b]; rnnbench --help figure
  rnnbench-report ... tuned=SETTING     with the best value of a swept SETTING for each cell and
                                        task, chosen on the seeds in tuning.seeds=[0,1], which are
                                        then not reported
  rnnbench-report ... --config-dir DIR  with custom cells, tasks, tables and figures

Which runs, by the columns of runs.csv:

  only.cell=[gru,lstm] only.task.length=[100] only.seed=[0,1]

Where to and how it looks (`report` in an experiment's file):

  out=paper/adding                      folder of the tables, figures and page
  formats=[pdf,png,svg]                 of the figures (default: pdf and png)
  width=column                          of the figures: column (3.3 inches), text (6.8) or inches
  style=ggplot                          a style of matplotlib, or a file such as paper.mplstyle
  columns.comparison=[task,cell,solved] columns of a table, by their headings; the .csv keeps all

A table or figure that cannot be made is left out, by name, and the rest is written; the exit code
is then 2 if all those lack something that can be set, and 1 if one ended in a bug. The files are
described in results/README.md."""

OWN = ("out", "formats", "width", "style", "columns.")
"""Settings in `report` of the configuration."""
USED = (
    "name", "experiment", "results_dir", "only.", *OWN, "tuned", "tuning.", "table", "figure", "tables.", "figures.",
    "report.",
)  # fmt: skip


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or when there are no runs."""
    answer("rnnbench-report", "run it again", USAGE, report, USED)


def report(arguments: list[str]) -> None:
    """Compose the configuration, read the runs, write and print the report. Raises SettingError and SystemExit."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns of caches and fonts, which are its own concern
    from rnnbench.report import Figure, Table, write_report

    config, settings = request(arguments)
    figures: dict[str, Figure] = components(config, "figures")
    tables: dict[str, Table] = components(config, "tables")
    if unknown := set(settings.columns) - set(tables):
        there = ", ".join(tables) or "none"
        raise SettingError(f"columns.{min(unknown)}: no such table in the report; there are {there}")
    directories, letters = config_directories(arguments), shutil.get_terminal_size((100, 24)).columns
    named = [word.partition("=")[2] for word in arguments if word.startswith("experiment=")]
    description = choices("experiment", directories).get(named[-1], "") if named else ""
    results = _read(config, settings.out)
    command, known_cells = shlex.join(["rnnbench-report", *arguments]), list(choices("cell", directories))
    results = _chosen(config, results, settings)
    written = write_report(results, tables, figures, known_cells, command, settings, description, letters)
    print(written.text)
    print(f"\nPage: {written.files[0]}")
    made = sorted({str(path.relative_to(written.folder).with_suffix("")) for path in written.files[1:]})
    print(fill(f"Beside it: {', '.join(made)}", letters, break_long_words=False, break_on_hyphens=False))
    if written.removed:
        print(f"Removed, since they were of an earlier report: {', '.join(written.removed)}")
    if written.failed:
        for each in written.failed:
            print_error(each.error)
        raise SystemExit(2 if all(isinstance(each.error, SettingError) for each in written.failed) else 1)


def request(arguments: Sequence[str]) -> "tuple[Any, ReportSettings]":
    """The configuration that the arguments compose, and the report's own settings. Raises SettingError."""
    from rnnbench.cli.arguments import composed, settings_and_options
    from rnnbench.report import ReportSettings

    settings_and_options(arguments, "rnnbench-report", CONFIG_DIR, USED)  # which names them as they were typed
    words = [f"++report.{word}" if is_among(word, OWN) else word for word in arguments if not word.startswith("only.")]
    config = composed(words, "rnnbench-report", USED)
    content: Any = OmegaConf.to_container(config.report, resolve=True)
    for word in arguments:
        if word.startswith("only."):
            column, _, values = word.removeprefix("only.").partition("=")
            content["only"][column] = OmegaConf.to_container(OmegaConf.from_dotlist([f"values={values}"]))["values"]  # type: ignore[index, call-overload]
    try:
        return config, ReportSettings.model_validate(content)
    except ValidationError as error:
        raise SettingError(validation_message(error)) from error


def _read(config: Any, out: Path | None) -> "Results":
    """The results of the experiment, or of several together, each of which is condensed in its own folder."""
    from rnnbench.analysis.archive import load_results, together, write_archive

    names = list(config.name) if isinstance(config.name, ListConfig) else [config.name]
    try:
        root = Path(config.results_dir) / "+".join(checked_name(name) for name in names)
    except ValueError as error:
        raise SettingError(f"name={','.join(map(str, names))}: {error}") from None
    if not names:
        raise SettingError("name=[]: must name an experiment")
    if out is not None and out.resolve() != root.resolve():
        files = ExperimentFiles(out)
        if files.runs.exists() or files.runs_table.exists():
            raise SettingError(f"out={out}: is the folder of an experiment; choose another folder")
    seeds = config.tuning.seeds if config.tuned is not None else None
    tuning_seeds = tuple(seeds) if isinstance(seeds, ListConfig) else ()
    several = []
    for name in names:
        results = load_results(Path(config.results_dir) / name)
        with nullcontext() if out is None else suppress(OSError):  # of a folder that is read-only
            results = write_archive(results, tuning_seeds)
        several.append(results)
    return several[0] if len(several) == 1 else together(several, root)


def _chosen(config: Any, results: "Results", settings: "ReportSettings") -> "Results":
    """The runs that `only` names, at the tuned value where a setting was tuned; the seeds that tune stay for that."""
    from rnnbench.analysis.tuning import tune
    from rnnbench.runs.tuning import TuningSettings

    for column, values in settings.only.items():
        for value in values:
            results.limited({column: [value]})
    if config.tuned is None:
        return results.limited(settings.only)
    try:
        tuning = TuningSettings.model_validate(OmegaConf.to_container(config.tuning))
    except ValidationError as error:
        raise SettingError(f"tuning.{validation_message(error)}") from error
    before = dict(settings.only)
    after = {"seed": before.pop("seed")} if "seed" in before else {}
    return tune(results.limited(before), config.tuned, tuning.seeds, tuning.by).limited(after)


def components(config: Any, group: str) -> dict[str, Any]:
    """The group's tables or figures by name; what an experiment sets of one that was not chosen is passed over."""
    from rnnbench.runs.components import component, construct

    nodes: Any = OmegaConf.to_container(config[group], resolve=True) if group in config else {}
    chosen = {name: node for name, node in nodes.items() if "_target_" in node}
    return {name: construct(component(node, f"{group}.{name}"), f"{group}.{name}") for name, node in chosen.items()}
