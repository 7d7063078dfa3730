"""Reading run folders, and what the comparison makes of them, against cases done by hand."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.analysis.comparison import comparison
from rnnbench.analysis.variant import Variant
from rnnbench.report.labels import incomplete
from rnnbench.report.tables.comparison import Comparison
from rnnbench.report.tables.rendering import latex, markdown
from tests.report.conftest import WriteRun


def row(root: Path, cell: str) -> dict[Any, Any]:
    table = comparison(load_results(root))
    (found,) = table[table["cell"] == cell].to_dict("records")
    return found


def test_solved_runs(small_experiment: Path) -> None:
    gru = row(small_experiment, "gru")
    assert (gru["runs"], gru["success_rate"].estimate, gru["diverged"]) == (2, 1.0, 0)
    assert gru["success_rate"].low == pytest.approx(0.025**0.5)  # Clopper & Pearson, 2 of 2
    assert gru["steps_to_milestone"].estimate == 100  # Kaplan-Meier: half are solved after step 100
    assert gru["test_loss"].estimate == pytest.approx(0.001)


def test_unsolved_runs_are_censored(small_experiment: Path) -> None:
    rnn = row(small_experiment, "rnn")
    assert rnn["success_rate"].estimate == 0
    assert math.isinf(rnn["steps_to_milestone"].estimate)
    # Student's interval of log10 of (0.16, 0.18): half of their distance is s / sqrt(2), t(0.975; 1) = 12.7062
    assert rnn["test_loss"].estimate == pytest.approx(math.sqrt(0.16 * 0.18))
    assert rnn["test_loss"].high == pytest.approx(math.sqrt(0.16 * 0.18) * (0.18 / 0.16) ** (12.7062 / 2), rel=1e-4)


def test_diverged_run_is_counted(small_experiment: Path) -> None:
    lstm = row(small_experiment, "lstm")
    assert (lstm["runs"], lstm["diverged"], lstm["success_rate"].estimate) == (1, 1, 0.0)
    assert math.isnan(lstm["test_loss"].estimate)


def test_incomplete_grid_is_reported(small_experiment: Path) -> None:
    lines = incomplete(load_results(small_experiment))
    assert lines[0] == "missing: cell=lstm seed=1"
    assert lines[1].startswith("diverged at step 130: lstm-adding-0-")
    assert len(lines) == 2


def test_refused_job_is_not_missing(small_experiment: Path) -> None:
    (launch,) = small_experiment.glob("launches/*")
    outcome = {"overrides": ["cell=lstm", "seed=1"], "status": "refused", "run": None, "message": "x=1: wrong"}
    (launch / "job-5.json").write_text(json.dumps(outcome))
    assert load_results(small_experiment).missing == []


def test_varying_settings_keep_runs_apart(root: Path, write_run: WriteRun) -> None:
    for hidden_size in (4, 8):
        for seed in (0, 1):
            write_run("gru", seed, {0: 1.0, 10: 0.5}, hidden_size=hidden_size)
    write_run("rnn", 0, {0: 1.0, 10: 0.5}, hidden_size=4)
    table = comparison(load_results(root))
    narrow, wide = (Variant((("model.hidden_size", width),)) for width in (4, 8))
    groups = sorted(table[["cell", "variant", "runs"]].itertuples(index=False, name=None))
    assert groups == [("gru", narrow, 2), ("gru", wide, 2), ("rnn", Variant(), 1)]


def test_no_runs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^name=none:"):
        load_results(tmp_path / "none")


def test_formatted_table(small_experiment: Path) -> None:
    table = Comparison().formatted(comparison(load_results(small_experiment)))
    lines = markdown(table).splitlines()
    (gru,) = [line for line in lines if "| gru " in line]
    assert "| 2/2 [0.158, 1]" in gru
    assert "| 100 " in gru
    (lstm,) = [line for line in lines if "| lstm " in line]
    assert "1 (1 diverged)" in lstm
    assert r"$\infty$" in latex(table)
    assert "∞" not in latex(table)
