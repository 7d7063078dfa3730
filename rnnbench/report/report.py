"""An experiment's tables, figures and page, written alongside its runs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

import rnnbench
from rnnbench.analysis.results import Results
from rnnbench.analysis.verdict import Verdict
from rnnbench.errors import SettingError, one_line
from rnnbench.report import drawing
from rnnbench.report.component import Component, Figure, Part, Table
from rnnbench.report.labels import diverged, incomplete
from rnnbench.report.page import Drawn, Failed, Tabled, svg_uri, write_page
from rnnbench.report.style import WIDTHS, CellStyles, check_style, paper_style
from rnnbench.report.tables.latex import LETTERS, latex
from rnnbench.report.tables.rendering import KEYS, markdown, markdown_text, plain, stable_csv
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import OBJECT, DamagedFileError, read_json, replacing, write_text

UNDATED: Mapping[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None}, "png": {"Software": None}, "svg": {"Date": None},
}  # fmt: skip
"""Metadata that differs between two times of drawing, or between versions of matplotlib, left out."""

TRAINED_BY = ("rnnbench_version", "git_commit", "git_dirty", "component_source")

BETTER: Mapping[str, Sequence[str]] = {Verdict.HOLDS.value: ["cell"], Verdict.FAILS.value: ["other cell"]}
"""The heading of the cell that a verdict finds better."""

EVERYTHING = 10_000
"""Letters that any columns fit into."""

NARROWEST, WIDEST = 1, 40
"""Inches."""


def _listed(value: Any) -> list[Any]:
    """The value, in a list where it is none."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _inches(value: Any) -> float | None:
    if value in (None, *WIDTHS):
        return WIDTHS.get(value)
    if isinstance(value, bool | str) or not NARROWEST <= value <= WIDEST:
        raise ValueError(f"must be {', '.join(WIDTHS)} or a number of inches from {NARROWEST} to {WIDEST}")
    return float(value)


class ReportSettings(BaseModel):
    """Where a report is written, the runs that it is of, and how its figures and tables look."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Annotated[Path | None, AfterValidator(lambda folder: folder and folder.expanduser())] = None
    only: Mapping[str, Annotated[tuple[Any, ...], BeforeValidator(_listed)]] = {}
    formats: Annotated[tuple[Literal["pdf", "png", "svg"], ...], BeforeValidator(_listed)] = ("pdf", "png")
    width: Annotated[float | None, BeforeValidator(_inches)] = None
    """Inches."""
    style: Annotated[str | None, AfterValidator(check_style)] = None
    columns: Mapping[str, Annotated[tuple[str, ...], BeforeValidator(_listed)]] = {}


Kind = TypeVar("Kind", bound=Component)
Made = TypeVar("Made", Tabled, Drawn)


@dataclass(frozen=True)
class WrittenReport:
    """What `write_report` made and what it could not make."""

    text: str
    """The tables and what is missing, for the terminal."""
    folder: Path
    files: list[Path]
    """All that was written."""
    removed: list[str]
    """What an earlier report wrote in the folder and this one did not make."""
    failed: list[Failed]


def write_report(
    results: Results,
    tables: Mapping[str, Table],
    figures: Mapping[str, Figure],
    known_cells: list[str],
    command: str | None = None,
    settings: ReportSettings | None = None,
    description: str = "",
    letters: int = 100,
) -> WrittenReport:
    """Write each table, each figure and the page.

    `letters` is the width of the terminal that the text is for; `command` is the command line that made this report,
    which the page prints, as it does `description`. The same runs give the same bytes. A table or figure whose making
    ends in an error is left out, by name, and the rest is written. Tables and figures that an earlier report wrote in
    the folder and this one is not asked for are removed.
    """
    settings = settings or ReportSettings()
    if taken := {"runs", "launches", "data", "report", "figures"} & {name.lower() for name in tables}:
        raise SettingError(f"tables.{min(taken)}: its files would replace others of the report; choose another name")
    folder = settings.out or results.root
    files = ExperimentFiles(folder)
    folder.mkdir(parents=True, exist_ok=True)
    before = _written_before(files)
    cells = results.runs["cell"].unique()
    styles = CellStyles(known_cells, alone=cells[0] if len(cells) == 1 else None)
    failed: list[Failed] = []
    tabled = _made(
        tables, lambda table, name: _tabulate(table, folder / name, results, settings.columns.get(name)), failed
    )
    drawn = _made(figures, lambda figure, name: _draw(figure, files.figures / name, results, styles, settings), failed)
    command = command or f"rnnbench-report name={results.name}"
    write_page(results, folder, tabled, drawn, failed, settings.only, command, description)
    parts: list[Tabled | Drawn] = [*tabled, *drawn]
    made = [file for part in parts for file in part.files]
    removed = _remove_earlier(before, made, [each.name for each in failed])
    texts = [fill(sentence, letters) for table in tabled for sentence in table.found]
    texts += [
        f"{table.title}: {table.says_nothing}" if table.says_nothing else
        f"{table.title}\n\n{plain(table.formatted, letters)}" for table in tabled
    ]  # fmt: skip
    texts += diverged(results)
    for heading, lines in (("Not made:", [each.reason for each in failed]), ("Incomplete:", incomplete(results))):
        texts += ["\n".join([heading, *lines])] if lines else []
    condensed = [files.runs_table, *files.data.iterdir()] if files.data.is_dir() else []
    names = [str(path.relative_to(folder)) for path in removed]
    return WrittenReport("\n\n".join(texts), folder, [files.report, *condensed, *made], names, failed)


def _made(components: Mapping[str, Kind], make: Callable[[Kind, str], Made], failed: list[Failed]) -> list[Made]:
    """What is made of each component; those whose making ends in an error are added to `failed`."""
    made = []
    for name, component in components.items():
        try:
            made.append(make(component, name))
        except OSError as error:
            failed.append(Failed(name, SettingError(f"{error.filename}: cannot be written ({one_line(error)})")))
        except Exception as error:
            failed.append(Failed(name, error))
    return made


def _tabulate(table: Table, path: Path, results: Results, headings: Sequence[str] | None) -> Tabled:
    """Write the table as CSV, Markdown and LaTeX, and its sidecar; only the columns with the headings, if given."""
    results = results.limited(table.only)
    rows = table.rows(results)
    formatted = table.formatted(rows)
    if headings is not None:
        if unknown := [heading for heading in headings if heading not in formatted]:
            there = ", ".join(map(str, formatted))
            raise SettingError(f"columns.{path.name}={list(headings)}: no column {unknown[0]!r}; there are {there}")
        # and the keys in which rows differ, so that the columns tell them apart
        keys = [key for key in KEYS if key in formatted and key not in headings and formatted[key].nunique() > 1]
        formatted = formatted[[*keys, *headings]]
    write_text(path.with_suffix(".csv"), stable_csv(rows))
    note = table.note(formatted)
    parts = table.parts(rows) if headings is None else [Part("", "", "", formatted)]
    letters = LETTERS if headings is None else EVERYTHING
    caption, label = f"{table.title} ({results.name})", f"{results.name}-{path.name}"
    if all(part.verdict for part in parts):  # these are the table
        verdicts = pd.DataFrame([(part.heading, part.verdict) for part in parts], columns=["claim", "verdict"])
        text = latex(verdicts, caption, label, letters=letters)
    else:
        bold = [BETTER.get(verdict, ()) for verdict in rows[table.better]] if table.better else []
        text = latex(formatted, caption, label, note, bold, letters)
    write_text(path.with_suffix(".tex"), text)
    missing = [f"- {markdown_text(line)}" for line in incomplete(results)]
    notes = [*([note] if note else []), *diverged(results)]
    notes += ["\n".join(["Incomplete:", "", *missing])] if missing else []
    before = [warning] if (warning := table.warning(rows)) else []
    heading = f"# {results.name}: {table.title[0].lower()}{table.title[1:]}"
    write_text(path.with_suffix(".md"), "\n\n".join([heading, *before, markdown(formatted), *notes]) + "\n")
    files = _write_sidecar(path, results, type(table).__name__, table.intervals, ("csv", "md", "tex"))
    found, nothing = table.found(rows), table.says_nothing(rows)
    return Tabled(path.name, table.title, formatted, note, files, warning, nothing, found, parts)


def _draw(figure: Figure, path: Path, results: Results, styles: CellStyles, settings: ReportSettings) -> Drawn:
    """Write the figure in the formats asked for, and its sidecar."""
    results = results.limited(figure.only)
    with paper_style(settings.style, settings.width):
        canvas = figure.draw(results, styles)
        if settings.width is not None:
            canvas.set_figwidth(settings.width)
        drawing.mark_incomplete(canvas, results)
        path.parent.mkdir(exist_ok=True)
        for kind in settings.formats:
            with replacing(path.with_suffix(f".{kind}")) as file:
                canvas.savefig(file, format=kind, metadata=UNDATED[kind])
        picture = svg_uri(canvas)
    title, caption = path.name.replace("_", " ").capitalize(), figure.caption(results)
    cells = ", ".join(styles.ordered(results.runs["cell"].unique()))
    tasks = "; ".join(title for title, _ in drawing.by_task(results.runs))
    alternative = " ".join([f"{title}.", *caption[:1], f"Cells: {cells}. Tasks: {tasks}."])
    files = _write_sidecar(path, results, type(figure).__name__, figure.intervals, settings.formats)
    return Drawn(path.name, title, caption, picture, alternative, files)


def _write_sidecar(path: Path, results: Results, kind: str, intervals: str, suffixes: Sequence[str]) -> list[Path]:
    """Write `<path>.json`: files, runs, seeds, intervals, what is missing, and the code that trained and drew.

    Nothing in it changes unless the runs, the formats or the version of rnnbench do: no dates, no machine. Returns the
    table's or figure's files, those with the suffixes and this one.
    """
    runs = results.runs
    files = [path.with_suffix(f".{suffix}") for suffix in (*suffixes, "json")]
    content = {
        "kind": kind,
        "experiment": results.name,
        "files": [file.name for file in files],
        "runs": sorted(runs["run"]),
        "run_hashes": sorted({run.rpartition("-")[2] for run in runs["run"]}),
        "seeds": sorted(int(seed) for seed in runs["seed"].unique()),
        "intervals": intervals,
        "missing": incomplete(results),
        "trained_by": {name: sorted(map(str, runs[name].dropna().unique())) for name in TRAINED_BY if name in runs},
        "drawn_by": {"rnnbench_version": rnnbench.__version__},
    }
    write_text(files[-1], json.dumps(content, indent=1) + "\n")
    return files


def _written_before(files: ExperimentFiles) -> set[Path]:
    """The tables and figures of an earlier report, as their sidecars name them."""
    found: set[Path] = set()
    for sidecar in (*files.folder.glob("*.json"), *files.figures.glob("*.json")):
        with suppress(DamagedFileError, KeyError, TypeError):  # not a sidecar
            content = read_json(sidecar, OBJECT)
            files_of_it = content["files"] if {"kind", "drawn_by"} <= set(content) else []
            named = {sidecar.with_name(str(name)) for name in files_of_it if "/" not in str(name)}
            found |= {path for path in named if path.stem == sidecar.stem}
    return found - {files.runs_table, files.report}


def _remove_earlier(before: set[Path], made: Iterable[Path], failed: Sequence[str]) -> list[Path]:
    """Remove what an earlier report wrote and this one did not make; returns what was removed.

    Files of what could not be made now stay: they may be all that is left of it.
    """
    removed = sorted(path for path in before - set(made) if path.stem not in failed and path.is_file())
    for path in removed:
        path.unlink(missing_ok=True)
    return removed
