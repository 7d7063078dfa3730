"""Compiled code on disk: shared by processes, in a folder that can be written to, never stale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import torch
from rnnbench.backends import Eager, Fused
from rnnbench.cells.rnn import Rnn
for cell, tolerance in ((Rnn(2, 3), 1e-5), (Rnn(2, 3).double(), 1e-12)):
    state = cell.initial_state(2)
    inputs = torch.ones(3, 2, 2).to(state[0])
    outputs, _ = Fused().run(cell, inputs, state)
    assert torch.allclose(outputs, Eager().run(cell, inputs, state)[0], rtol=tolerance, atol=tolerance)
    outputs.sum().backward()
"""
TOLD = "rnnbench: compiling Rnn (a few seconds, once per machine)\n"


def started(place: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "RNNBENCH_CACHE_DIR": str(place)}
    environment.pop("NUMBA_CACHE_DIR", None)  # which Numba obeys before all else
    return subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stderr=subprocess.PIPE, text=True)


def errors_of(process: subprocess.Popen[str]) -> str:
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return errors


def kept(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}


@pytest.mark.long
def test_processes_fill_the_cache_at_once_others_read_it_and_damaged_files_are_compiled_anew(tmp_path: Path) -> None:
    assert TOLD in [errors_of(process) for process in [started(tmp_path) for _ in range(2)]]
    before = kept(tmp_path)
    assert before
    assert not list(tmp_path.rglob("*.part"))
    assert errors_of(started(tmp_path)) == ""
    assert kept(tmp_path) == before
    for path in tmp_path.rglob("*.nb?"):
        path.write_bytes(b"damaged")
    assert errors_of(started(tmp_path)) == ""
    assert all(path.read_bytes() != b"damaged" for path in tmp_path.rglob("*.nbi"))


@pytest.mark.long
def test_where_nothing_can_be_written_a_process_compiles_for_itself_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    told, line = errors_of(started(file)).splitlines()
    assert f"{told}\n" == TOLD
    assert line.startswith("rnnbench: no cache for compiled cells ([Errno 20] Not a directory")
    assert list(tmp_path.iterdir()) == [file]
