"""Names from elsewhere are shown as they are: they end no cell, begin no markup and no formula."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rnnbench.analysis.results import Results
from rnnbench.report.page import Contents, Drawn, Failed, Tabled, svg_uri, write_page
from rnnbench.report.style import CellStyles, mark_incomplete, paper_style, take_literally
from rnnbench.report.tables.rendering import latex, markdown
from tests.report.test_figures import NAMES, figure, results_for
from tests.report.tiny import tiny

HOSTILE = r"a$b^$ \input{x} #&%_~{}|<script>alert(1)</script>"


def renamed(results: Results) -> Results:
    """The results with that name for the GRU and for the task."""
    of_runs = results.runs
    runs = of_runs.assign(cell=of_runs["cell"].replace("gru", HOSTILE), task=HOSTILE)
    candidates = results.candidates
    if candidates is not None:
        candidates = candidates.assign(cell=candidates["cell"].replace("gru", HOSTILE), task=HOSTILE)
    return replace(results, runs=runs, candidates=candidates, missing=[HOSTILE])


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_shows_them_as_they_are(name: str) -> None:
    results = results_for(name)
    with paper_style():
        canvas = figure(name).draw(renamed(results), CellStyles(["gru", "lstm", "rnn"]))
        mark_incomplete(canvas, renamed(results))
        take_literally(canvas)
        FigureCanvasAgg(canvas).draw()


def test_latex_takes_them_as_text() -> None:
    text = latex(pd.DataFrame({"cell": [HOSTILE, "two\nlines"]}))
    (line,) = [line for line in text.splitlines() if "script" in line]
    cell = line.removesuffix(r" \\")
    without_escapes = re.sub(r"\\(textbackslash|textasciicircum|textasciitilde)\{\}|\\[$&#%_{}]", "", cell)
    assert not re.search(r"[\\$&#%_{}^~]", without_escapes)
    assert "two lines" in text


def test_markdown_keeps_them_in_their_cell() -> None:
    lines = markdown(pd.DataFrame({"cell": [HOSTILE, "two\nlines"], "loss": ["< 0.01", "1"]})).splitlines()
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert "<s" not in lines[2]
    assert "< 0.01" in lines[2]


def script_hash(page: str) -> str:
    """What a browser compares the page's policy with before it runs its script."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def test_a_picture_on_the_page_is_the_figure() -> None:
    with paper_style():
        canvas = figure("learning_curves").draw(renamed(tiny()), CellStyles(["gru", "lstm", "rnn"]))
        take_literally(canvas)
        kind, _, picture = svg_uri(canvas).partition(",")
    assert kind == "data:image/svg+xml"
    assert not re.search(r"[<>\"'#\n]", picture)
    root = ElementTree.fromstring(unquote(picture))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20


def test_the_page_shows_them_as_text(tmp_path: Path) -> None:
    rows = pd.DataFrame({"cell": [HOSTILE]})
    results = replace(renamed(tiny()), root=tmp_path, name=HOSTILE)
    path = tmp_path / f"{HOSTILE.replace('/', '')}.csv"
    table = Tabled(HOSTILE, HOSTILE, rows, rows, "none", [path])
    drawn = Drawn(HOSTILE, HOSTILE, [HOSTILE], "data:,", HOSTILE, [path])
    failed = Failed(HOSTILE, KeyError(HOSTILE))
    only = {"cell": [HOSTILE]}
    contents = Contents([table], [drawn], [failed], f"rnnbench-report name={HOSTILE}", only, HOSTILE)
    write_page(results, contents, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script") == 1  # the page's own
    assert "'unsafe-inline'; img-src" in page
    assert f"script-src '{script_hash(page)}'" in page
    assert page.count("&lt;script&gt;") > 8
