"""Tables in LaTeX: what is in them, and that they compile and fit the text of an article, where LaTeX is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from rnnbench.report.tables.latex import MOST_ROWS, latex
from tests.report.test_tables import NAMES, results_for, table

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
    made = {name: table(name) for name in NAMES}
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
