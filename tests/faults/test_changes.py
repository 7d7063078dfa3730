"""What changes between two launches: the code, the folders, the working directory; and what others leave in runs/."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.sweeps import FOUR, SMALL, Sweep

CELL = '''"""A cell under work."""

import torch
from torch import Tensor

from rnnbench.cells import Cell, State


class Mine(Cell):
    """h' = tanh(W x + U h), times a factor."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (FACTOR * torch.tanh(self.W(x) + self.U(h)),)
'''
REPORT = ("table=[comparison]", "figure=[]")
ONE = ("--config-dir", "my", *SMALL, "cell=mine")


def stop_at_the_third_checkpoint() -> None:
    from rnnbench.recorders import RunFolder

    save, saved = RunFolder.save_checkpoint, []

    def counted(self: RunFolder, state: dict[str, object]) -> None:
        save(self, state)
        saved.append(self.name)
        if len(saved) == 3:
            os.kill(os.getpid(), 9)

    RunFolder.save_checkpoint = counted  # type: ignore[method-assign, assignment]


def write_cell(sweep: Sweep, factor: str) -> None:
    (sweep.folder / "my" / "cell").mkdir(parents=True, exist_ok=True)
    (sweep.folder / "my" / "mine.py").write_text(CELL.replace("FACTOR", factor))
    (sweep.folder / "my" / "cell" / "mine.yaml").write_text("# A cell under work.\n_target_: mine.Mine\n")


@pytest.mark.faults
@pytest.mark.parametrize("factor", ["1.0", "0.5"])
def test_code_rewritten_between_kill_and_resume(tmp_path: Path, factor: str) -> None:
    """The run goes on where the code is the same, and starts again, with a line, where it is not."""
    undisturbed, sweep = Sweep(tmp_path / "undisturbed", ONE), Sweep(tmp_path / "sweep", ONE)
    write_cell(undisturbed, factor)
    first = undisturbed.run()
    assert first.process.exitcode == 0, first.errors
    write_cell(sweep, "1.0")
    assert sweep.run(before=stop_at_the_third_checkpoint).process.exitcode == -9
    write_cell(sweep, factor)
    launch = sweep.run()
    assert launch.process.exitcode == 0, launch.errors
    assert ("checkpoint-set-aside-1.pt" in launch.errors) == (factor != "1.0"), launch.errors
    sweep.account(undisturbed).told(f"a kill, then {'other' if factor != '1.0' else 'the same'} code")


@pytest.mark.faults
def test_an_archive_keeps_its_runs_whatever_the_folders_hold(undisturbed: Sweep, sweep: Sweep) -> None:
    shutil.copytree(undisturbed.files.folder, sweep.files.folder)
    kept, table = sweep.files.folder / "runs.csv", sweep.files.folder / "comparison.csv"
    assert sweep.run(*REPORT, program="rnnbench-report").process.exitcode == 0
    runs, compared = pd.read_csv(kept)["run"].tolist(), table.read_bytes()

    shutil.rmtree(sweep.files.runs)
    assert sweep.run(*REPORT, program="rnnbench-report").process.exitcode == 0
    assert (pd.read_csv(kept)["run"].tolist(), table.read_bytes()) == (runs, compared)

    more = Sweep(sweep.folder, (*FOUR[:-1], "seed=2"), launches=sweep.launches)
    assert more.run().process.exitcode == 0
    assert more.run(*REPORT, program="rnnbench-report").process.exitcode == 0
    assert set(runs) < set(pd.read_csv(kept)["run"])
    assert len(pd.read_csv(kept)) == 6

    last = Sweep(sweep.folder, FOUR, launches=more.launches)
    assert last.run().process.exitcode == 0
    shutil.rmtree(last.files.runs)
    shutil.copytree(undisturbed.files.runs, last.files.runs)
    assert last.run(*REPORT, program="rnnbench-report").process.exitcode == 0
    assert len(pd.read_csv(kept)) == 6
    last.account(undisturbed, again=True).told("an archive with and without folders")


def leave() -> None:
    """The working directory is deleted under the process."""
    gone = Path.cwd() / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()


@pytest.mark.faults
def test_a_deleted_working_directory_is_told_in_one_line(sweep: Sweep) -> None:
    for program in ("rnnbench", "rnnbench-report"):
        launch = sweep.run(program=program, before=leave)
        assert launch.process.exitcode == 2, launch.errors
        (line,) = launch.errors.splitlines()
        assert line.startswith("rnnbench: ")
        assert "working directory" in line


def test_what_others_leave_beside_the_runs(undisturbed: Sweep, sweep: Sweep) -> None:
    shutil.copytree(undisturbed.files.folder, sweep.files.folder)
    runs = sweep.files.runs
    first = sweep.files.begun_runs()[0]
    shutil.copytree(first.folder, runs / f"{first.name}.old")
    (runs / "notes.txt").write_text("mine")
    (runs / ".DS_Store").write_bytes(b"\0")
    (runs / "empty").mkdir()
    (runs / "nothing").symlink_to("nowhere")
    (runs / "around").symlink_to(".")
    strange = Path(os.fsdecode(os.fsencode(runs) + b"/strange\xff\x1b[31m\n"))
    strange.mkdir()
    (strange / "file").write_text("")
    (first.folder / "notes.md").write_text("mine")
    (first.folder / ".nfs0001").write_text("")
    (sweep.files.folder / "launches" / "mine").mkdir()
    (sweep.files.folder / "launches" / "mine" / "job-x.json").write_text("")
    report = sweep.run(*REPORT, program="rnnbench-report")
    assert report.process.exitcode == 0, report.errors
    assert len(pd.read_csv(sweep.files.runs_table)) == 4
    assert f"damaged: {first.name}.old: summary.json is of the run {first.name}" in report.output
    assert "damaged: strange???31m?: summary.json is missing" in report.output
    assert "notes" not in report.output
    launch = sweep.run()
    assert (launch.process.exitcode, launch.output) == (0, "4 runs: 4 done before\n")
    assert "damaged" not in launch.errors
