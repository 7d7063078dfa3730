"""The pages on published results: README's scorecard is that of the committed tables, and nothing is left unsaid."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from docs import paper_pages
from docs.paper_pages import BEGIN, END, PAPERS
from tests.docs.markdown import ROOT

EXPERIMENTS = {path.stem: OmegaConf.load(path) for path in (ROOT / "conf" / "experiment").glob("*.yaml")}


def test_the_scorecard_is_up_to_date() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.partition(BEGIN)[2].partition(END)[0] == paper_pages.scorecard(), "run: python docs/paper_pages.py"


def test_every_paper_has_its_entry() -> None:
    numbers = {name: OmegaConf.select(each, "tables.published.numbers") for name, each in EXPERIMENTS.items()}
    assert {name for name, of in numbers.items() if of} == set(PAPERS)
    for name, paper in PAPERS.items():
        assert paper.key < len(numbers[name])
        assert (ROOT / "conf" / "figure" / f"{paper.figure}.yaml").is_file()
        assert (
            name not in paper_pages.names() or (ROOT / "results" / name / "figures" / f"{paper.figure}.png").is_file()
        )
        assert len(paper_pages.protocol(name)) > 100


def test_disagreements_are_explained() -> None:
    differing = [name for name in paper_pages.names() if re.search("do(es)? not", paper_pages.agreement(name))]
    assert [name for name in differing if not PAPERS[name].differs] == []


def test_a_page_and_the_count_of_agreements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "le2015_irnn"
    folder.mkdir()
    rows = [("T = 150", "yes"), ("T = 200", "in part"), ("T = 300", "not seen"), ("T = 400", "no")]
    (folder / "published.csv").write_text("where,agree\n" + "".join(f"{where},{agree}\n" for where, agree in rows))
    lines = [f"| {where} | learns | all | 3 of 5 | {agree} | 5 |" for where, agree in rows]
    head = "| where | what | published | ours | agree | runs |\n|---|---|---|---|---|---|\n"
    (folder / "published.md").write_text("# t\n\nPublished: Le.\n\n" + head + "\n".join(lines) + "\n")
    (folder / "runs.csv").write_text("run,wall_time_s\na,3000\nb,2400\nc,\n")
    monkeypatch.setattr(paper_pages, "RESULTS", tmp_path)
    assert paper_pages.names() == ["le2015_irnn"]
    assert paper_pages.agreement("le2015_irnn") == "1 of 4 agrees, 1 in part, 1 not seen, 1 does not"
    where, agree = rows[PAPERS["le2015_irnn"].key]
    shown = [f"{where}: learns", "all", "3 of 5", agree, "1 of 4 agrees, 1 in part, 1 not seen, 1 does not |"]
    assert paper_pages.scorecard().splitlines()[2].split(" | ")[1:] == shown
    text = paper_pages.page("le2015_irnn")
    for said in (PAPERS["le2015_irnn"].found, *lines, "Published: Le.", "3 runs, 1.5 hours", "Different: Adam"):
        assert said in text
    assert "learning_curves.png" in text
    assert "rnnbench experiment=le2015_irnn" in text
