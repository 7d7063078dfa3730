"""Compiled code on disk: shared by processes, in a folder that can be written to, never stale."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

from rnnbench.backends.fused.runtime import compile as fused_compile

PROGRAM = """
import torch
from rnnbench.backends import Eager, Fused
from rnnbench.cells.rnn import Rnn
from rnnbench.backends.fused.runtime.compile import cache_folder
cell = Rnn(2, 3).double()
inputs, state = torch.ones(3, 2, 2).double(), cell.initial_state(2)
outputs, _ = Fused().run(cell, inputs, state)
assert torch.allclose(outputs, Eager().run(cell, inputs, state)[0], rtol=1e-12, atol=1e-12)
outputs.sum().backward()
print(cache_folder())
"""


def started(**environment: str) -> subprocess.Popen[str]:
    merged = {**os.environ, **environment}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=merged, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def folder_of(process: subprocess.Popen[str]) -> Path:
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert errors == ""
    return Path(output.strip())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that two processes have filled at the same time."""
    place = tmp_path_factory.mktemp("cache")
    processes = [started(RNNBENCH_CACHE_DIR=str(place)) for _ in range(2)]
    folders = [folder_of(process) for process in processes]
    assert folders[0] == folders[1]
    assert folders[0].is_relative_to(place)
    return folders[0]


def kept(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}


def test_two_processes_at_once_fill_the_cache_and_a_third_reads_it(shared: Path) -> None:
    before = kept(shared)
    assert before
    assert not list(shared.rglob("*.part"))
    assert folder_of(started(RNNBENCH_CACHE_DIR=str(shared.parent.parent))) == shared
    assert kept(shared) == before


def test_damaged_files_are_compiled_anew(shared: Path) -> None:
    for path in shared.rglob("*.nb?"):
        path.write_bytes(b"damaged")
    folder_of(started(RNNBENCH_CACHE_DIR=str(shared.parent.parent)))
    assert all(path.read_bytes() != b"damaged" for path in shared.rglob("*.nbi"))


def test_where_nothing_can_be_written_a_folder_of_the_process_serves(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    folder = folder_of(started(RNNBENCH_CACHE_DIR=str(file), XDG_CACHE_HOME=str(file), TMPDIR=str(tmp_path)))
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o077 == 0


@pytest.fixture
def _fresh_folder() -> Iterator[None]:
    fused_compile.cache_folder.cache_clear()
    yield
    fused_compile.cache_folder.cache_clear()


@pytest.mark.usefixtures("_fresh_folder")
def test_another_version_of_numba_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fused_compile.CACHE_VARIABLE, str(tmp_path))
    first = fused_compile.cache_folder()
    fused_compile.cache_folder.cache_clear()
    monkeypatch.setattr(numba, "__version__", "0.0.1")
    assert fused_compile.cache_folder() != first
