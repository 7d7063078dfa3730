"""results/README.md describes the columns that runs really have."""

from pathlib import Path

import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.analysis.comparison import comparison
from rnnbench.cli import columns
from rnnbench.cli.main import main
from rnnbench.schema import VARIANT

ROOT = Path(__file__).parents[2]


def test_results_readme_is_what_the_code_says() -> None:
    assert (ROOT / "results" / "README.md").read_text() == columns.results_readme(), (
        "run `python -m rnnbench.cli.columns > results/README.md`"
    )


def test_every_column_of_a_real_run_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ["task.length=5", "model.hidden_size=3", "train.steps=2", "train.eval_examples=5", "wandb=disabled"]
    monkeypatch.setattr("sys.argv", ["rnnbench", *settings, f"results_dir={tmp_path}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    results = load_results(tmp_path / "default")
    described = columns.results_readme()
    settings_without_a_dot = {"device", "threads", "flush_denormals"}
    for column in results.runs.columns.drop(VARIANT):
        name = column.removesuffix("_initial")
        assert "." in column or column in settings_without_a_dot or f"| `{name}` |" in described, column
    for column in comparison(results).columns.drop(VARIANT):
        assert f"| `{column}` |" in described
