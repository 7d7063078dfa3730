"""Files and folders that are not what they should be: links, closed streams, permissions. One line, nothing outside."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnbench.analysis.archive import load_results
from rnnbench.schema import ExperimentFiles
from rnnbench.store.atomic import replacing
from tests.cli.conftest import SMALL, Command
from tests.cli.conftest import rnnbench as command

__all__ = ["command"]

ONE = (*SMALL, "task.length=6", "model.backend=eager", "cell=rnn")


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_have_the_permissions_that_the_umask_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Also where the file system refuses to change them."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse)
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "file") as file:
            file.write(b"whole")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    line = f'exec "$0" -m rnnbench {" ".join(ONE)} {closed}'
    ended = subprocess.run(["sh", "-c", line, sys.executable], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    files = ExperimentFiles(tmp_path / "results" / "default")
    assert load_results(files.folder).runs["status"].tolist() == ["done"]


@pytest.fixture
def run(command: Command, tmp_path: Path) -> Path:
    """The folder of a finished run."""
    code, _, errors = command(*ONE)
    assert code == 0, errors
    (folder,) = tmp_path.glob("results/default/runs/rnn-*")
    return folder


@pytest.mark.parametrize("place", ["runs", "launches", "data"])
def test_a_plain_file_in_the_place_of_a_folder(
    command: Command, run: Path, tmp_path: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results" / "default"
    if (folder / place).exists():
        (folder / place).rename(tmp_path / "before")
    (folder / place).write_text("mine")
    code, _, errors = command(*ONE)
    assert "Traceback" not in errors
    if place != "data":
        assert (code, place in errors) == (1 if place == "runs" else 2, True), errors
    from rnnbench.cli import report

    sys.argv = ["rnnbench-report", "name=default", "table=[]", "figure=[]"]
    ended = 0
    try:
        report.main()
    except SystemExit as end:
        ended = int(end.code or 0)
    output, errors = capfd.readouterr()
    assert "Traceback" not in errors
    assert f"default/{place}" in errors if ended else f"{place}: " in output
    assert (folder / place).read_text() == "mine"


@pytest.fixture
def closed(run: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that nobody may look into."""
    folder = {"run": run, "runs": run.parent, "launches": run.parents[1] / "launches"}.get(request.param)
    if folder is None:
        (folder,) = (run.parents[1] / "launches").iterdir()
    folder.chmod(0)
    if os.access(folder, os.R_OK):
        folder.chmod(0o755)
        pytest.skip("this user may look into every folder")
    yield folder
    folder.chmod(0o755)


@pytest.mark.parametrize("closed", ["run", "launches", "launch", "runs"], indirect=True)
def test_a_folder_without_permission_is_named(
    command: Command, run: Path, closed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, errors = command(*ONE, "seed=7")
    assert "Traceback" not in errors
    assert code == (0 if closed.name not in ("runs", "launches") else 1 if closed.name == "runs" else 2), errors
    code, _, errors = command(*ONE)
    assert "Traceback" not in errors
    assert closed.name in errors or code == 0
    root = ExperimentFiles(run.parents[1])
    if closed.name == "runs":
        with pytest.raises(PermissionError, match="runs"):
            load_results(root.folder)
        return
    results = load_results(root.folder)
    assert any(closed.name in name for name in results.damaged)
    assert len(results.runs) >= 1
