"""Names from elsewhere are shown as they are: they end no cell and begin no markup."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from rnnbench.report.component import Part
from rnnbench.report.page import Drawn, Failed, Tabled, write_page
from rnnbench.report.tables.latex import latex
from rnnbench.report.tables.rendering import markdown
from tests.report.tiny import tiny

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
