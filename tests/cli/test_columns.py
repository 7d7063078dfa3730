"""results/README.md describes the columns that runs really have."""

from pathlib import Path

from rnnbench.analysis.archive import load_results
from rnnbench.analysis.comparison import comparison
from rnnbench.cli import columns
from rnnbench.schema import VARIANT
from tests.cli.conftest import SMALL, Command

ROOT = Path(__file__).parents[2]


def test_results_readme_is_what_the_code_says() -> None:
    assert (ROOT / "results" / "README.md").read_text() == columns.results_readme(), (
        "run `python -m rnnbench.cli.columns > results/README.md`"
    )


def test_every_column_of_a_real_run_is_described(rnnbench: Command, tmp_path: Path) -> None:
    assert rnnbench(*SMALL, "task.length=5")[0] == 0
    results, described = load_results(tmp_path / "results/default"), columns.results_readme()
    for column in [*results.runs.columns.drop(VARIANT), *comparison(results).columns.drop(VARIANT)]:
        is_setting = "." in column or column in {"device", "threads", "flush_denormals"}
        assert is_setting or f"| `{column.removesuffix('_initial')}` |" in described, column
