"""Completion of the commands' arguments, in a real shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMPLETE = """
eval "$({command} -sc install=bash)"
COMP_LINE="{line}" COMP_POINT=${{#COMP_LINE}}
COMP_WORDS=($COMP_LINE) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
hydra_bash_completion
echo "${{COMPREPLY[@]}}"
"""
COMMANDS = Path(sys.executable).parent
"""The folder of the console scripts."""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("rnnbench cell=gru_c", "cell=gru_concat cell=gru_concat_no_bias"),
        ("rnnbench-report name=", "name=condensed name=mine"),
        ("rnnbench-report name=mine figure=h", "figure=horizon"),
        ("rnnbench-report name=mine forma", "formats="),
        ("rnnbench-report cell", ""),
        ("rnnbench-sync res", "results_dir="),
    ],
)
def test_completion_in_bash(tmp_path: Path, line: str, completed: str) -> None:
    for name in ("mine/runs", "condensed/runs", "other"):
        (tmp_path / "results" / name).mkdir(parents=True)
    done = subprocess.run(
        ["bash", "-c", COMPLETE.format(command=line.split()[0], line=line)],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{completed}\n"
    assert not done.stderr
