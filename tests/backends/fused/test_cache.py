"""Compiled code on disk: shared by processes, in a folder that can be written to, never stale."""

import ctypes
import errno
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    merged.pop("NUMBA_CACHE_DIR", None)  # which Numba obeys before all else
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


@pytest.mark.long
def test_two_processes_at_once_fill_the_cache_and_a_third_reads_it(shared: Path) -> None:
    before = kept(shared)
    assert before
    assert not list(shared.rglob("*.part"))
    assert folder_of(started(RNNBENCH_CACHE_DIR=str(shared.parent.parent))) == shared
    assert kept(shared) == before


@pytest.mark.long
def test_damaged_files_are_compiled_anew(shared: Path) -> None:
    for path in shared.rglob("*.nb?"):
        path.write_bytes(b"damaged")
    folder_of(started(RNNBENCH_CACHE_DIR=str(shared.parent.parent)))
    assert all(path.read_bytes() != b"damaged" for path in shared.rglob("*.nbi"))


@pytest.mark.long
def test_where_nothing_can_be_written_a_process_compiles_for_itself_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    process = started(RNNBENCH_CACHE_DIR=str(file), XDG_CACHE_HOME=str(file), TMPDIR=str(file))
    output, errors = process.communicate()
    assert (process.returncode, output) == (0, "None\n")
    (line,) = errors.splitlines()
    assert line.startswith(f"rnnbench: no cache for compiled cells ([Errno 20] Not a directory: '{file}/fused")
    assert list(tmp_path.iterdir()) == [file]


TIMES = """
from rnnbench.backends.fused.kernels.jit import cached_callback


@cached_callback("int64(int64)")
def times(number):
    return {} * number
"""


def _unwritable(path: Path, text: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


class FullFile(io.BytesIO):
    """A file on a full disk: it can be made, and takes a part."""

    def write(self, content: Any) -> int:
        return super().write(content[:100])


@pytest.mark.usefixtures("_fresh_folder")
@pytest.mark.parametrize("full", ["before", "later"])
def test_a_full_disk_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], full: str
) -> None:
    monkeypatch.setenv(fused_compile.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fused_compile, "_has_told", [])
    if full == "before":
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: FullFile())
    else:
        monkeypatch.setattr(fused_compile, "_write_whole", _unwritable)
    for value in (full, full * 2):  # what is computed is right, and it is told once
        address = fused_compile._module(TIMES.format(len(value))).times.address
        assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(7) == 7 * len(value)
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line
    assert not list(tmp_path.rglob("*.nb?"))


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
