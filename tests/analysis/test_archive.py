"""Results condensed into files: read again they are the same, and written again the same bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.archive import load_results, read_archive, write_archive
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant
from rnnbench.schema import ExperimentFiles
from tests.analysis.made import NoSource, results, table


class Source(NoSource):
    """Two runs with a history and an array each."""

    def histories(self, runs: Any) -> pd.DataFrame:
        return pd.DataFrame(
            [{"run": run, "step": step, "validation_loss": 1 / 3 / (step + 1)} for run in runs for step in (0, 100)]
        )

    def probe(self, run: str, name: str) -> dict[str, Any]:
        return {"norm": np.full((2, 3), 1 / 3 if run == "run0" else 1e-30), "step": np.array([0, 100])}

    def probes(self) -> list[str]:
        return ["gradient_profile"]


@pytest.fixture
def made(tmp_path: Path) -> Results:
    runs = table({"cell": "gru"}, {"cell": "rnn", "steps_to_solve": 200.0}, **{"optimizer.lr": 1e-3, "note": "a,b"})
    return Results("made", tmp_path, sorted_runs(runs), Source(), missing=["cell=lstm seed=1"])


def test_what_is_read_again_is_what_was_written(made: Results) -> None:
    again = write_archive(made)
    pd.testing.assert_frame_equal(again.runs, made.runs, check_dtype=False, check_like=True)
    pd.testing.assert_frame_equal(again.histories(), made.histories(), check_dtype=False)
    assert again.missing == made.missing
    for run in made.runs["run"]:
        np.testing.assert_allclose(
            again.probe(run, "gradient_profile")["norm"], made.probe(run, "x")["norm"], rtol=1e-7
        )
        assert list(again.probe(run, "gradient_profile")["step"]) == [0, 100]
    assert again.probe("run0", "other") == {}
    assert load_results(made.root).name == made.root.name


def test_written_again_it_is_the_same_bytes(made: Results) -> None:
    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in made.root.rglob("*") if path.is_file()}

    write_archive(made)
    first = contents()
    assert set(first) == {"runs.csv", "histories.csv.gz", "gradient_profile.npz", "missing.json", "schema.json"}
    for path in made.root.rglob("*"):
        if path.is_file():
            path.unlink()
    write_archive(made)
    assert contents() == first
    write_archive(read_archive(ExperimentFiles(made.root)))
    assert contents() == first


@pytest.mark.parametrize("found", [None, 1, 3])
def test_another_version_is_refused_in_one_line(made: Results, found: int | None) -> None:
    files = ExperimentFiles(write_archive(made).root)
    if found is None:
        files.schema.unlink()  # the first version had none
    else:
        files.schema.write_text(f'{{"version": {found}}}')
    said = rf"is in format {found or 1}, this rnnbench reads 2; launch its runs again"
    with pytest.raises(ValueError, match=said) as error:
        load_results(made.root)
    assert "\n" not in str(error.value)


def test_limits_by_column() -> None:
    made = results({"cell": "gru", "optimizer.lr": 1.0}, {"cell": "gru", "optimizer.lr": 2.0})
    assert list(made.runs["variant"]) == [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    limited = made.limited({"optimizer.lr": [2.0]})
    assert list(limited.runs["variant"]) == [Variant()]
    assert made.limited({}) is made
    with pytest.raises(ValueError, match=r"^only\.optimizer\.lr=\[3\]: no run has one of these values"):
        made.limited({"optimizer.lr": [3]})
    with pytest.raises(ValueError, match=r"^only\.nothing=\[3\]: no run has this column"):
        made.limited({"nothing": [3]})
