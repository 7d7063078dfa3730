"""Systems that rnnbench does not run on, terminals of other encodings, and output that nobody reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnbench.recorders import progress
from tests.cli.conftest import SMALL, Command


def test_windows_is_refused_in_one_line(rnnbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    code, _, errors = rnnbench("cell=gru")
    assert (code, errors.count("\n"), "Windows Subsystem for Linux" in errors) == (2, 1, True)


ALL = """
import ast, importlib, sys
for name, arguments in ast.literal_eval(sys.argv[1]):
    sys.argv[1:] = arguments
    try:
        importlib.import_module(f"rnnbench.cli.{name}").main()
    except SystemExit as ended:
        assert not ended.code, name
"""


def test_all_commands_in_the_c_locale(tmp_path: Path) -> None:
    """The strictest: without the UTF-8 that Python would choose there, and a home that cannot be written to."""
    nowhere = str(tmp_path / "file")
    Path(nowhere).write_text("no folder")
    places = {"HOME": nowhere, "MPLCONFIGDIR": nowhere, "XDG_CACHE_HOME": nowhere, "XDG_CONFIG_HOME": nowhere}
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    run = ["name=plain", *SMALL[:-1], "wandb=offline", "task.length=6", "model.backend=eager"]
    commands = [("main", run), ("report", ["name=plain", "figure=[cost]"]), ("explain", ["cell=rnn"])]
    done = subprocess.run(
        [sys.executable, "-c", ALL, repr(commands)],
        cwd=tmp_path, env=os.environ | places | ascii_only, capture_output=True,
    )  # fmt: skip
    errors = done.stderr.decode("ascii")
    assert done.returncode == 0, errors
    done.stdout.decode("ascii")
    assert not [word for word in ("Traceback", "Matplotlib", "Warning") if word in errors]
    assert (tmp_path / "results" / "plain" / "report.html").read_text(encoding="utf-8")


def test_a_pipe_that_is_closed() -> None:
    """More is printed than a pipe holds."""
    program = (
        "import sys; from rnnbench.cli.main import main\nmain()\nprint('x' * 100_000); print('end', file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "rnnbench compares recurrent cells.\n"
    process.stdout.close()
    with process.stderr as errors:
        assert errors.read() == "end\n"
    assert process.wait() == 0


@pytest.mark.parametrize("alone", [True, False])
def test_a_run_in_a_pipe_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], alone: bool
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    bar = progress.ProgressBar("gru-adding-0", 200, 0, lines=alone)
    bar.started_at -= 10.0
    bar.record({"step": 0, "train_loss": float("nan"), "validation_loss": 0.2})
    bar.record({"step": 100, "train_loss": 0.1, "validation_loss": 0.12})
    line = "gru-adding-0: step 100 of 200, loss 0.1, validation 0.12; 00:10 left\n"
    assert capsys.readouterr().err == line * alone
