"""Results condensed into files: read again they are the same, and written again the same bytes."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.archive import load_results, read_archive, write_archive
from rnnbench.analysis.results import Results, sorted_runs
from rnnbench.analysis.variant import Variant
from rnnbench.errors import SettingError
from rnnbench.report.incomplete import incomplete
from rnnbench.schema import ARCHIVE_VERSION, ExperimentFiles, run_name
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


@pytest.mark.parametrize("found", [None, 1, ARCHIVE_VERSION + 1])
def test_another_version_is_refused_in_one_line(made: Results, found: int | None) -> None:
    files = ExperimentFiles(write_archive(made).root)
    if found is None:
        files.schema.unlink()  # the first version had none
    else:
        files.schema.write_text(f'{{"version": {found}}}')
    said = rf"is in format {found or 1}, this rnnbench reads {ARCHIVE_VERSION}; launch its runs again"
    with pytest.raises(ValueError, match=said) as error:
        load_results(made.root)
    assert "\n" not in str(error.value)


def test_limits_by_column() -> None:
    made = results({"cell": "gru", "optimizer.lr": 1.0}, {"cell": "gru", "optimizer.lr": 2.0})
    assert list(made.runs["variant"]) == [Variant((("optimizer.lr", rate),)) for rate in (1.0, 2.0)]
    limited = made.limited({"optimizer.lr": [2.0]})
    assert list(limited.runs["variant"]) == [Variant()]
    assert made.limited({}) is made
    with pytest.raises(ValueError, match=r"^only\.optimizer\.lr=\[3\]:"):
        made.limited({"optimizer.lr": [3]})
    with pytest.raises(ValueError, match=r"^only\.nothing=\[3\]:"):
        made.limited({"nothing": [3]})


def write_run(root: Path, cell: str, seed: int, status: str = "done", loss: float = 0.25) -> str:
    """A run folder made by hand, with a history and an array; returns the run's name."""
    config = {"task": {"length": 10}, "cell": {"kind": cell}, "note": {"text": "auto"}}
    name = run_name(cell, "adding", seed, config)
    files = ExperimentFiles(root).run(name)
    files.folder.mkdir(parents=True)
    summary = {
        "run": name, "status": status, "task": "adding", "difficulty_setting": "length", "difficulty": 10, "cell": cell,
        "seed": seed, "backend": "eager", "baseline_loss": 1.0, "test_loss": loss, "solved": True,
        "steps_to_solve": 100,
    }  # fmt: skip
    files.config.write_text(json.dumps(config))
    files.history.write_text(f"step,validation_loss\n0,0.1\n100,{loss}\n")
    np.savez(files.arrays("gradient_profile"), step=np.array([0, 100]), norm=np.full((2, 3), loss))
    files.summary.write_text(json.dumps(summary))
    return name


@pytest.fixture
def archived(tmp_path: Path) -> Results:
    """Four runs whose folders are gone."""
    for cell in ("gru", "rnn"):
        for seed in (0, 1):
            write_run(tmp_path, cell, seed, loss=1 / 3)
    written = write_archive(load_results(tmp_path))
    shutil.rmtree(tmp_path / "runs")
    return written


def test_archived_runs_without_folders_are_kept_beside_a_new_one(archived: Results) -> None:
    before = {path.name: path.read_bytes() for path in archived.root.rglob("*") if path.is_file()}
    histories = archived.histories()
    new = write_run(archived.root, "lstm", 0)
    loaded = load_results(archived.root)
    merged = write_archive(loaded)
    for found in (loaded, merged):
        assert set(found.runs["run"]) == {*archived.runs["run"], new}
        assert set(found.runs["variant"]) == {Variant()}  # archived settings and those of the folder compare equal
        for run in archived.runs["run"]:
            assert found.probe(run, "gradient_profile")["norm"][0, 0] == np.float32(1 / 3)
        old = found.histories()
        old = old[old["run"] != new][list(histories)]
        pd.testing.assert_frame_equal(
            old.sort_values(["run", "step"]).reset_index(drop=True)[["run", "step", "validation_loss"]],
            histories.sort_values(["run", "step"]).reset_index(drop=True)[["run", "step", "validation_loss"]],
        )
    assert merged.probe(new, "gradient_profile")["norm"].shape == (2, 3)
    text = merged.root / "runs.csv"
    assert set(before["runs.csv"].decode().splitlines()) - set(text.read_text().splitlines()) == set()
    again = {path.name: path.read_bytes() for path in merged.root.rglob("*") if path.is_file()}
    write_archive(load_results(archived.root))
    assert {path.name: path.read_bytes() for path in merged.root.rglob("*") if path.is_file()} == again


@pytest.mark.parametrize(
    ("status", "taken"), [("done", 0.125), ("diverged", 0.125), ("running", 1 / 3), ("failed", 1 / 3)]
)
def test_a_folder_wins_over_the_archived_run_unless_it_has_no_result(
    archived: Results, status: str, taken: float
) -> None:
    name = write_run(archived.root, "gru", 0, status=status, loss=0.125)
    merged = write_archive(load_results(archived.root))
    assert sorted(merged.runs["run"]) == sorted(archived.runs["run"])
    row = merged.runs.set_index("run").loc[name]
    assert row["test_loss"] == pytest.approx(taken, rel=1e-15)
    assert merged.probe(name, "gradient_profile")["norm"][0, 0] == np.float32(taken)


def test_a_damaged_folder_leaves_the_archived_run(archived: Results) -> None:
    name = write_run(archived.root, "gru", 0, loss=0.125)
    ExperimentFiles(archived.root).run(name).summary.write_text("")
    merged = write_archive(load_results(archived.root))
    assert sorted(merged.runs["run"]) == sorted(archived.runs["run"])
    assert merged.damaged == {name: "summary.json is empty"}
    assert f"damaged: {name}: summary.json is empty (its row of runs.csv is used)" in incomplete(merged)
    shutil.rmtree(archived.root / "runs")
    assert load_results(archived.root).damaged == merged.damaged
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
    merged = load_results(archived.root)
    assert merged.missing == ["cell=gru seed=9", "cell=gru seed=7"]


@pytest.mark.parametrize("failing", ["gradient_profile", "runs.csv"])
def test_a_write_that_fails_leaves_the_archive_as_it_was(
    archived: Results, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before = {path: path.read_bytes() for path in archived.root.rglob("*") if path.is_file()}
    write_run(archived.root, "lstm", 0)
    loaded = load_results(archived.root)

    def full(file: int) -> None:
        if failing in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_archive(loaded)
    after = {
        path: path.read_bytes() for path in archived.root.rglob("*") if path.is_file() and "runs/" not in str(path)
    }
    assert after == before


@pytest.mark.parametrize("damage", ["missing", "fewer rows"])
def test_a_table_without_archived_runs_is_never_replaced(archived: Results, damage: str) -> None:
    path, histories = archived.root / "runs.csv", archived.root / "data" / "histories.csv.gz"
    before = histories.read_bytes()
    lines = path.read_text().splitlines(keepends=True)
    path.unlink()
    if damage == "fewer rows":
        path.write_text("".join(lines[:-1]))
    write_run(archived.root, "lstm", 0)
    with pytest.raises(SettingError, match=r"runs\.csv: (is missing|lacks 1 runs that histories\.csv\.gz has, .*);"):
        load_results(archived.root)
    assert histories.read_bytes() == before


@pytest.mark.parametrize("damage", ["empty", "cut", "other bytes"])
@pytest.mark.parametrize("name", ["runs.csv", "histories.csv.gz", "gradient_profile.npz", "schema.json"])
def test_a_damaged_archive_is_named_and_never_replaced(archived: Results, name: str, damage: str) -> None:
    (path,) = archived.root.rglob(name)
    whole = path.read_bytes()
    contents = {"empty": b"", "cut": whole[: len(whole) // 2], "other bytes": b"\x80other\n"}
    path.write_bytes(contents[damage])
    write_run(archived.root, "lstm", 0)
    with pytest.raises(SettingError, match=name.replace(".", r"\.")) as error:
        write_archive(load_results(archived.root))
    assert "\n" not in str(error.value)
    assert path.read_bytes() == contents[damage]


@pytest.mark.parametrize("content", ["", "{}", "[3]"])
def test_a_damaged_list_of_missing_jobs_is_named_and_the_runs_are_reported(archived: Results, content: str) -> None:
    ExperimentFiles(archived.root).missing.write_text(content)
    (line,) = incomplete(load_results(archived.root))
    assert line.startswith("damaged: missing.json: ")
    assert line.endswith("; which jobs are missing is not known")


@pytest.mark.parametrize("name", ["runs.csv", "histories.csv.gz", "gradient_profile.npz", "schema.json"])
def test_a_damaged_archive_is_made_again_where_all_its_runs_have_folders(tmp_path: Path, name: str) -> None:
    for seed in (0, 1):
        write_run(tmp_path, "gru", seed)
    before = write_archive(load_results(tmp_path))
    (path,) = tmp_path.glob(f"**/data/{name}" if name != "runs.csv" else name)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    again = write_archive(load_results(tmp_path))
    (line,) = incomplete(again)
    assert line.startswith(f"damaged: {name}: ")
    assert line.endswith("; made again from the run folders")
    assert path.read_bytes() == whole
    assert again.runs.equals(before.runs)
    assert incomplete(load_results(tmp_path)) == []


def test_a_changed_table_of_runs_is_told(archived: Results) -> None:
    path = archived.root / "runs.csv"
    text = path.read_text()
    assert "0.333" in text
    path.write_text(text.replace("0.333", "0.334", 1))
    (line,) = incomplete(load_results(archived.root))
    assert line == "damaged: runs.csv: is not as a report wrote it; its rows are used as they are"
