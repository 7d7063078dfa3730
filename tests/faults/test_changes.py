"""What changes between two launches: the code, the run folders; and what others leave in runs/."""

import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.sweeps import FOUR, SMALL, Sweep, stop_at_checkpoint

CELL = """
from rnnbench.cells.rnn import Rnn


class Mine(Rnn):
    def step(self, x, state):
        (h,) = super().step(x, state)
        return (FACTOR * h,)
"""
REPORT = ("table=[comparison]", "figure=[]")
ONE = ("--config-dir", "my", *SMALL, "cell=mine")


def write_cell(sweep: Sweep, factor: str) -> None:
    (sweep.folder / "my" / "cell").mkdir(parents=True, exist_ok=True)
    (sweep.folder / "my" / "mine.py").write_text(CELL.replace("FACTOR", factor))
    (sweep.folder / "my" / "cell" / "mine.yaml").write_text("# A cell under work.\n_target_: mine.Mine\n")


@pytest.mark.faults
@pytest.mark.parametrize("factor", ["1.0", "0.5"])
def test_code_rewritten_between_kill_and_resume(tmp_path: Path, factor: str) -> None:
    """The run resumes where the code is the same, and starts again, with a line, where it is not."""
    undisturbed, sweep = Sweep(tmp_path / "undisturbed", ONE), Sweep(tmp_path / "sweep", ONE)
    write_cell(undisturbed, factor)
    assert undisturbed.run().exit_code == 0
    write_cell(sweep, "1.0")
    assert sweep.run(before=partial(stop_at_checkpoint, 3, "mine")).exit_code == -9
    write_cell(sweep, factor)
    launch = sweep.run()
    assert launch.exit_code == 0
    assert ("checkpoint-set-aside-1.pt" in launch.errors) == (factor != "1.0"), launch.errors
    sweep.account(undisturbed).reported(f"a kill, then {'other' if factor != '1.0' else 'the same'} code")


@pytest.mark.faults
def test_an_archive_keeps_its_runs_whatever_the_folders_hold(undisturbed: Sweep, sweep: Sweep) -> None:
    shutil.copytree(undisturbed.files.folder, sweep.files.folder)
    kept, table = sweep.files.folder / "runs.csv", sweep.files.folder / "comparison.csv"
    assert sweep.run(*REPORT, program="rnnbench-report").exit_code == 0
    runs, compared = pd.read_csv(kept)["run"].tolist(), table.read_bytes()
    shutil.rmtree(sweep.files.runs)
    assert sweep.run(*REPORT, program="rnnbench-report").exit_code == 0
    assert (pd.read_csv(kept)["run"].tolist(), table.read_bytes()) == (runs, compared)
    more = Sweep(sweep.folder, (*FOUR[:-1], "seed=2"), launches=sweep.launches)
    assert more.run().exit_code == 0
    assert more.run(*REPORT, program="rnnbench-report").exit_code == 0
    assert set(runs) < set(pd.read_csv(kept)["run"])
    assert len(pd.read_csv(kept)) == 6
    shutil.rmtree(more.files.runs)
    shutil.copytree(undisturbed.files.runs, more.files.runs)
    assert more.run(*REPORT, program="rnnbench-report").exit_code == 0
    assert len(pd.read_csv(kept)) == 6
    more.account(undisturbed, again=True).reported("an archive with and without folders")


def test_what_others_leave_next_to_the_runs(undisturbed: Sweep, sweep: Sweep) -> None:
    shutil.copytree(undisturbed.files.folder, sweep.files.folder)
    runs, first = sweep.files.runs, sweep.files.begun_runs()[0]
    shutil.copytree(first.folder, runs / f"{first.name}.old")
    (runs / "notes.txt").write_text("mine")
    (runs / ".DS_Store").write_bytes(b"\0")
    (runs / "empty").mkdir()
    (first.folder / "notes.md").write_text("mine")
    report = sweep.run(*REPORT, program="rnnbench-report")
    assert report.exit_code == 0
    assert len(pd.read_csv(sweep.files.runs_table)) == 4
    assert f"damaged: {first.name}.old: summary.json is of the run {first.name}" in report.output
    assert "notes" not in report.output
    launch = sweep.run()
    assert (launch.exit_code, launch.output) == (0, "4 runs: 4 done before\n")
    assert "damaged" not in launch.errors
