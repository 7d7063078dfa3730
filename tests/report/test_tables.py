"""Every table of the menu, made from a tiny table of runs: its columns, its text, its LaTeX, and names as text."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.loss_comparison import SCALE
from rnnbench.report.component import Part
from rnnbench.report.page import Drawn, Failed, Tabled, write_page
from rnnbench.report.tables.latex import MOST_ROWS, latex
from rnnbench.report.tables.rendering import markdown, narrow, plain, stable_csv, to_columns
from rnnbench.schema import GROUP
from tests.report.tiny import component, menu, results_for, tiny

NAMES = [name for name in menu("table") if name != "published"]
"""Without that of a paper's numbers, which an experiment gives it (tests/analysis/test_published.py)."""


@pytest.mark.parametrize("name", NAMES)
def test_table_of_the_menu(name: str) -> None:
    made = component("table", name)
    found = made.rows(results_for(name))
    assert set(made.columns) - {SCALE} <= set(found.columns)
    extra = set(found.columns) - set(made.columns)
    assert extra <= {*GROUP, "other_cell", "other_variant"}, "a column without a description"
    assert to_columns(found).map(lambda value: isinstance(value, str | float | int)).to_numpy().all()
    formatted = made.formatted(found)
    assert formatted.map(lambda text: isinstance(text, str)).to_numpy().all()
    assert not formatted.map(lambda text: "nan" in text.split()).to_numpy().any()
    assert all(str(heading) in markdown(formatted) for heading in formatted)
    for letters in (80, 120):
        assert max(map(len, plain(formatted, letters).splitlines())) <= letters


def test_csv_is_the_same_text_whatever_the_last_bits() -> None:
    values = np.array([1 / 3, 1e-300 / 7, -2e9 / 3, 12_345_678_901.0, np.inf])
    text = stable_csv(pd.DataFrame({"x": values, "n": range(5)}))
    assert text.split() == ["x,n", "0.33333333,0", "1.4285714e-301,1", "-666666670.0,2", "12345678901.0,3", "inf,4"]
    for factor in (1 - 1e-11, 1 + 1e-11):
        others = values * np.array([factor, factor, factor, 1, 1])
        assert stable_csv(pd.DataFrame({"x": others, "n": range(5)})) == text


def test_narrow_shows_the_first_columns_that_fit_and_says_once_what_is_the_same() -> None:
    table = pd.DataFrame({
        "task": ["adding, length 20", "adding, all lengths"], "cell": ["gru", "gru"], "solved": ["5/5", "4/5"],
        "test loss": ["0.100 [0.0500, 0.200]", "0.200 [0.1, 0.4]"], "much": ["x" * 30, "y" * 30],
        "steps": [">600", "70"],
    })  # fmt: skip
    found = narrow(table, 36)
    assert list(found.table) == ["length", "solved", "test loss", "steps"]
    assert found.table["length"].tolist() == ["20", "all"]
    assert found.table["test loss"].tolist() == ["0.100", "0.200"]  # with bounds it would not fit
    assert found.same == {"task": "adding", "cell": "gru"}
    assert found.left_out == ["test loss", "much"]
    assert found.others["test loss"].tolist() == table["test loss"].tolist()
    assert narrow(table, 200).left_out == []
    one = narrow(table.iloc[:1].drop(columns="much"), 80)  # of one row all is the same, and shown
    assert list(one.table) == list(table.columns.drop("much"))


PREAMBLE = r"\documentclass{article}\usepackage{booktabs,longtable}\begin{document}\the\textwidth"


def compiled(texts: list[str], folder: Path) -> str:
    """What pdflatex says of a document of these tables."""
    (folder / "all.tex").write_text("\n".join([PREAMBLE, *texts, r"\end{document}"]))
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout + (folder / "all.log").read_text(errors="replace")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, which is not installed")
def test_every_table_of_the_menu_compiles_and_fits_an_article(tmp_path: Path) -> None:
    made = {name: component("table", name) for name in NAMES}
    formatted = {name: each.formatted(each.rows(results_for(name))) for name, each in made.items()}
    long = pd.concat([formatted["comparison"]] * MOST_ROWS)
    texts = [latex(each, name, name, made[name].note(each)) for name, each in formatted.items()]
    log = compiled([*texts, latex(long, "long", "long", "a note")], tmp_path)
    assert not re.findall(r"Overfull .*|.*multiply.*|Missing character.*", log)
    assert (tmp_path / "all.pdf").stat().st_size > 10_000


def test_numbers_are_aligned_and_bold_is_what_the_statistics_decide() -> None:
    rows = pd.DataFrame({"cell": ["LSTM", "GRU"], "loss": ["12.5 [1.00, 20.0]", "-0.166"], "runs": ["5", "5"]})
    lines = latex(rows, "Losses", "tab-1", "A note.", [{"cell"}, set()]).splitlines()
    assert r"\caption{Losses; in all rows: runs 5.}\label{tab:tab-1}" in lines
    assert r"\begin{tabular}{@{}lr@{}l@{ }l@{}}" in lines
    assert r"\textbf{LSTM} & 12 & .5 & [1.00, 20.0] \tabularnewline" in lines
    assert r"GRU & $-$0 & .166 &  \tabularnewline" in lines
    assert any("A note." in line for line in lines)


HOSTILE = r"a$b^$ \input{x} #&%_~{}|<script>alert(1)</script>"


def test_latex_takes_them_as_text() -> None:
    text = latex(pd.DataFrame({"cell": [HOSTILE, "two\nlines"]}), "x", HOSTILE, letters=1000)
    assert re.search(r"\\label\{tab:[A-Za-z0-9_-]+\}", text)
    (line,) = [line for line in text.splitlines() if r"\$" in line]
    cell = line.removesuffix(r" \tabularnewline").removeprefix(r"\raggedright ").replace("$<$", "<").replace("$>$", ">")
    cell = cell.replace("$|$", "|")
    without_escapes = re.sub(r"\\(textbackslash|textasciicircum|textasciitilde)\{\}|\\[$&#%_{}]", "", cell)
    assert not re.search(r"[\\$&#%_{}^~]", without_escapes)
    assert "two lines" in text


def test_markdown_keeps_them_in_their_cell() -> None:
    lines = markdown(pd.DataFrame({"cell": [HOSTILE, "two\nlines"], "loss": ["< 0.01", "1"]})).splitlines()
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert "<s" not in lines[2]
    assert "< 0.01" in lines[2]


def test_the_page_shows_them_as_text(tmp_path: Path) -> None:
    rows, path = pd.DataFrame({"cell": [HOSTILE]}), tmp_path / f"{HOSTILE.replace('/', '')}.csv"
    runs = tiny().runs.assign(task=HOSTILE, cell=HOSTILE)
    results = replace(tiny(), root=tmp_path, name=HOSTILE, missing=[HOSTILE], runs=runs.iloc[:1])
    table = Tabled(HOSTILE, HOSTILE, rows, HOSTILE, [path], "", "", [HOSTILE], [Part(HOSTILE, HOSTILE, HOSTILE, rows)])
    drawn = Drawn(HOSTILE, HOSTILE, [HOSTILE], "data:,", HOSTILE, [path])
    failed = Failed(HOSTILE, KeyError(HOSTILE))
    write_page(results, tmp_path, [table], [drawn], [failed], {"cell": [HOSTILE]}, f"x={HOSTILE}", HOSTILE)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script") == 1  # the page's own
    assert page.count("&lt;script&gt;") > 8
