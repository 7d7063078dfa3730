"""Results condensed into files: read again they are the same, and written again the same bytes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.archive import CombinedSource, load_results, write_archive
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.labels import incomplete
from rnnbench.schema import ARCHIVE_VERSION, ExperimentFiles
from tests.analysis.made import MadeSource, results, table
from tests.report import conftest

HISTORIES = pd.DataFrame(
    [{"run": run, "step": step, "validation_loss": 1 / 3 / (step + 1)} for run in ("run0", "run1") for step in (0, 100)]
)


def arrays(run: str, name: str) -> dict[str, Any]:
    norm = np.full((2, 3), 1 / 3 if run == "run0" else 1e-60 / 3)
    return {"norm": norm, "by_state": norm[:, None] * (1 if run == "run0" else 2), "step": np.array([0, 100])}


@pytest.fixture
def made(tmp_path: Path) -> Results:
    runs = table({"cell": "gru"}, {"cell": "rnn", "steps_to_solve": 200.0}, **{"optimizer.lr": 1e-3, "note": "a,b"})
    return Results("made", tmp_path, sorted_runs(runs), MadeSource(HISTORIES, arrays), missing=["cell=lstm seed=1"])


def contents(root: Path) -> dict[str, bytes]:
    """The files of an experiment but its run folders."""
    files = [path for path in root.rglob("*") if path.is_file() and root / "runs" not in path.parents]
    return {path.name: path.read_bytes() for path in files}


def test_what_is_read_again_is_what_was_written(made: Results) -> None:
    for again in (write_archive(made), load_results(made.root)):
        pd.testing.assert_frame_equal(again.runs, made.runs, check_dtype=False, check_like=True)
        pd.testing.assert_frame_equal(again.histories(), made.histories(), check_dtype=False)
        assert again.missing == made.missing
        for run in made.runs["run"]:
            arrays = again.probe(run, "gradient_profile")
            for name, expected in made.source.probe(run, "x").items():
                np.testing.assert_allclose(arrays[name], expected, rtol=1e-7)
                assert arrays[name].shape == expected.shape
            assert list(arrays["step"]) == [0, 100]
        for run, probe in (("run0", "other"), ("run", "gradient_profile")):
            with pytest.raises(SettingError, match=r"no such .* in the results; (there are|did you mean) "):
                again.probe(run, probe)


def test_equal_arrays_are_written_once_and_none_of_tuning_seeds(made: Results) -> None:
    path = ExperimentFiles(write_archive(made).root).arrays("gradient_profile")
    with np.load(path) as members:
        assert {"run0/by_state@norm", "run1/by_state"} < {*members.files}
    again = write_archive(replace(made, runs=made.runs.assign(seed=[0, 7])), tuning_seeds=[7])
    (kept, tuning) = made.runs["run"]
    assert again.source.probe(kept, "gradient_profile")
    assert not again.source.probe(tuning, "gradient_profile")
    assert len(again.histories()) == 4


def test_arrays_that_only_the_archive_has_stay_whatever_seeds_tune(made: Results) -> None:
    seeded = replace(made, runs=made.runs.assign(seed=[0, 7]))
    (kept, tuning), archived = made.runs["run"], write_archive(seeded).source
    half_deleted = replace(seeded, source=CombinedSource({kept: made.source, tuning: archived}))
    again = write_archive(half_deleted, tuning_seeds=[7])
    assert again.source.probe(tuning, "gradient_profile")["norm"].shape == (2, 3)


def test_another_version_is_refused_in_one_line(made: Results) -> None:
    ExperimentFiles(write_archive(made).root).schema.write_text(f'{{"version": {ARCHIVE_VERSION + 1}}}')
    said = rf"^name=.* in format {ARCHIVE_VERSION + 1}, this rnnbench reads {ARCHIVE_VERSION}; launch its runs again.*$"
    with pytest.raises(SettingError, match=said):
        load_results(made.root)


def test_limits_by_column() -> None:
    made = results({"cell": "gru", "optimizer.lr": 1.0}, {"cell": "gru", "optimizer.lr": 2.0})
    assert list(made.runs["variant"]) == [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    limited = made.limited({"optimizer.lr": [2.0]})
    assert list(limited.runs["variant"]) == [Variant()]
    assert made.limited({}) is made
    jobs = ["cell=gru optimizer.lr=1e0 seed=1", "cell=gru optimizer.lr=2e0 seed=1", "seed=2"]
    launched = replace(made, missing=jobs)
    assert launched.limited({"optimizer.lr": [2.0]}).missing == jobs[1:]  # of the default rate, which is not known here
    assert launched.limited({"optimizer.lr": [1], "seed": [0]}).missing == []
    for column in ("optimizer.lr", "nothing"):
        with pytest.raises(SettingError, match=rf"^only\.{column}=\[3\]:"):
            made.limited({column: [3]})


def write_run(root: Path, cell: str, seed: int, status: str = "done", loss: float = 0.25) -> str:
    """A run folder made by hand, whose gradient ends at the loss; returns the run's name."""
    return conftest.write_run(root, cell, seed, {0: 0.1, 100: loss}, status=status).name


@pytest.fixture
def archived(tmp_path: Path) -> Results:
    """Four runs whose folders are gone."""
    for cell in ("gru", "rnn"):
        for seed in (0, 1):
            write_run(tmp_path, cell, seed, loss=1 / 3)
    written = write_archive(load_results(tmp_path))
    shutil.rmtree(tmp_path / "runs")
    return written


def test_archived_runs_without_folders_are_kept_alongside_a_new_one(archived: Results) -> None:
    before, columns = contents(archived.root), ["run", "step", "validation_loss"]
    histories = archived.histories().sort_values(["run", "step"], ignore_index=True)[columns]
    new = write_run(archived.root, "lstm", 0)
    for found in (loaded := load_results(archived.root), write_archive(loaded)):
        assert set(found.runs["run"]) == {*archived.runs["run"], new}
        assert set(found.runs["variant"]) == {Variant()}  # archived settings and those of the folder compare equal
        assert found.probe(new, "gradient_profile")["norm"].shape == (2, 1, 20)
        for run in archived.runs["run"]:
            assert found.probe(run, "gradient_profile")["norm"][0, 0, -1] == np.float32(1 / 3)
        old = found.histories().query("run != @new").sort_values(["run", "step"], ignore_index=True)[columns]
        pd.testing.assert_frame_equal(old, histories)
    merged = contents(archived.root)
    assert set(before["runs.csv"].splitlines()) < set(merged["runs.csv"].splitlines())
    write_archive(load_results(archived.root))
    assert contents(archived.root) == merged


@pytest.mark.parametrize(
    ("status", "taken"), [("done", 0.125), ("diverged", 0.125), ("running", 1 / 3), ("failed", 1 / 3)]
)
def test_a_folder_wins_over_the_archived_run_unless_it_has_no_result(
    archived: Results, status: str, taken: float
) -> None:
    name = write_run(archived.root, "gru", 0, status=status, loss=0.125)
    merged = write_archive(load_results(archived.root))
    assert sorted(merged.runs["run"]) == sorted(archived.runs["run"])
    assert merged.runs.set_index("run").loc[name, "test_loss"] == pytest.approx(taken, rel=1e-15)
    assert merged.probe(name, "gradient_profile")["norm"][0, 0, -1] == np.float32(taken)


def test_a_damaged_folder_leaves_the_archived_run(archived: Results) -> None:
    name = write_run(archived.root, "gru", 0, loss=0.125)
    ExperimentFiles(archived.root).run(name).summary.write_text("")
    merged = write_archive(load_results(archived.root))
    assert sorted(merged.runs["run"]) == sorted(archived.runs["run"])
    assert f"damaged: {name}: summary.json is empty (its row of runs.csv is used)" in incomplete(merged)
    shutil.rmtree(archived.root / "runs")
    assert load_results(archived.root).damaged == merged.damaged == {name: "summary.json is empty"}
    write_run(archived.root, "gru", 0)
    assert write_archive(load_results(archived.root)).damaged == {}
    assert not ExperimentFiles(archived.root).damaged.exists()


def test_jobs_that_are_missing_are_so_until_they_end(archived: Results) -> None:
    files = ExperimentFiles(archived.root)
    files.missing.write_text(json.dumps(["cell=gru seed=7", "cell=gru seed=8"]))
    launch = files.folder / "launches" / "now"
    launch.mkdir(parents=True)
    (launch / "plan.json").write_text(json.dumps([{"overrides": ["cell=gru", f"seed={seed}"]} for seed in (8, 9)]))
    (launch / "job-0.json").write_text(json.dumps({"overrides": ["cell=gru", "seed=8"], "status": "done"}))
    assert load_results(archived.root).missing == ["cell=gru seed=9", "cell=gru seed=7"]


DAMAGE = {
    "missing": None,
    "empty": lambda whole: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "edited": lambda whole: whole + b"x",
    "fewer rows": lambda whole: b"".join(whole.splitlines(keepends=True)[:-1]),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["runs.csv", "histories.csv.gz", "gradient_profile.npz", "schema.json"])
def test_a_damaged_archive_is_named_with_the_remedy_and_never_replaced(
    archived: Results, name: str, damage: str
) -> None:
    (path,) = archived.root.rglob(name)
    change, whole = DAMAGE[damage], path.read_bytes()
    path.unlink()
    if change is not None:
        path.write_bytes(change(whole))
    elif name == "gradient_profile.npz":
        pytest.skip("no probe measured")
    before = contents(archived.root)
    write_run(archived.root, "lstm", 0)
    said = rf"{name.replace('.', '[.]')}: [^\n]*; restore it, or move runs[.]csv and data/ away[^\n]*$"
    with pytest.raises(SettingError, match=said):
        write_archive(load_results(archived.root))
    assert contents(archived.root) == before


def test_a_damaged_archive_is_written_anew_where_all_its_runs_have_folders(tmp_path: Path) -> None:
    write_run(tmp_path, "gru", 0)
    write_archive(load_results(tmp_path))
    whole = contents(tmp_path)
    (tmp_path / "data" / "histories.csv.gz").write_bytes(b"")
    write_archive(load_results(tmp_path))
    assert contents(tmp_path) == whole
