"""Reading run folders, and what the comparison makes of them, against cases done by hand."""

import json
from pathlib import Path

import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.analysis.comparison import comparison
from rnnbench.analysis.variant import Variant
from rnnbench.report.labels import incomplete
from tests.report.conftest import WriteRun


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
