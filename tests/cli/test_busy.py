"""A run that another process executes: done or not when the launch ends, and the exit code says so."""

from pathlib import Path

from rnnbench.recorders import RunFolder
from tests.cli.conftest import SMALL, Command


def test_a_run_of_another_process_counts_as_what_it_has_come_to(rnnbench: Command, tmp_path: Path) -> None:
    arguments = (*SMALL, "task.length=6", "model.backend=eager")
    assert rnnbench(*arguments)[0] == 0
    (summary,) = tmp_path.glob("results/default/runs/*/summary.json")
    with RunFolder(summary.parent).lock() as mine:
        assert mine
        assert rnnbench(*arguments)[0] == 0  # it has ended meanwhile
        summary.write_text(summary.read_text().replace('"done"', '"running"'))
        code, _, errors = rnnbench(*arguments)
    assert code == 1
    assert "busy (another process is at it)" in errors
