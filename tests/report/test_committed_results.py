"""The results in version control: their tables, sidecars and figures are made again from their condensed files."""

import shutil
from pathlib import Path

import pytest

from rnnbench.cli.report import report

RESULTS = Path(__file__).parents[2] / "results"
NAMES = sorted(path.parent.name for path in RESULTS.glob("*/data"))


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name in ("adding_medium", "claims", "gradient_flow_medium")]
)
def test_tables_of_committed_results_are_made_again(name: str, tmp_path: Path) -> None:
    """Pictures are compared by what stands behind them: their bytes change with the release of a font or of zlib."""
    committed, again = RESULTS / name, tmp_path / name
    shutil.copytree(committed / "data", again / "data")
    shutil.copy(committed / "runs.csv", again / "runs.csv")
    report([f"experiment={name}", f"results_dir={tmp_path}"])
    assert (again / "runs.csv").read_bytes() == (committed / "runs.csv").read_bytes()
    tables = [path for kind in ("csv", "md", "tex", "json") for path in committed.glob(f"*.{kind}")]
    sidecars = list(committed.glob("figures/*.json"))
    assert tables
    assert sidecars
    for path in [*tables, *sidecars]:
        assert (again / path.relative_to(committed)).read_text() == path.read_text(), f"{path} is not up to date"
    for path in committed.glob("figures/*.p*"):
        assert (again / path.relative_to(committed)).stat().st_size > 1000
