"""The components that the pages show are used as it says: run, reported, explained, contracted."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rnnbench.analysis.verdict import Verdict
from rnnbench.claims.claim import cases_of
from tests.cli.conftest import SMALL, Command
from tests.docs.markdown import OWN, ROOT, commands, named_files
from tests.report.tiny import LENGTHS, tiny

COMMANDS = [words for page in OWN for words in commands(page) if "--config-dir" in words]
TINY = (*SMALL, "task.length=4", "train.steps=2", "hydra/launcher=basic")


@pytest.mark.usefixtures("own_components")
def test_its_sweep_and_report(rnnbench: Command, rnnbench_report: Command, tmp_path: Path) -> None:
    (sweep,) = (words for words in COMMANDS if "name=my_parts" in words and words[0] == "rnnbench")
    (report,) = (words for words in COMMANDS if "name=my_parts" in words and words[0] == "rnnbench-report")
    code, _, errors = rnnbench(*sweep[1:], *TINY)
    assert code == 0, errors
    code, _, errors = rnnbench_report(*report[1:])
    assert code == 0, errors
    made = {path.name for path in (tmp_path / "results/my_parts").rglob("*")}
    assert {"my_table.csv", "my_figure.png", "runs.csv"} <= made
    assert "my_cell" in (tmp_path / "results/my_parts/my_table.md").read_text()
    assert "largest_weight" in (tmp_path / "results/my_parts/runs.csv").read_text().splitlines()[0]


@pytest.mark.long
def test_its_code_passes_the_checks(own_components: Path) -> None:
    files = [str(path) for path in sorted(own_components.glob("my/*.py"))]
    assert len(files) == 5
    for check in (["ruff", "check", "--config", "pyproject.toml"], ["mypy"]):
        ended = subprocess.run([sys.executable, "-m", *check, *files], cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout


def test_its_claim() -> None:
    source = dict(named_files(ROOT / "CONTRIBUTING.md"))["rnnbench/claims/memory.py"]
    names: dict[str, Any] = {}
    exec(source, names)
    cases = cases_of(names["GRU_REMEMBERS"], tiny())
    assert [case.condition for case in cases] == [{"length": length} for length in LENGTHS]
    assert {case.verdict for case in cases} == {Verdict.HOLDS}
