"""Systems that rnnbench does not run on, and terminals of other encodings."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnbench.cli import explain, main, report
from rnnbench.cli.systems import Terminal, print_in_any_encoding
from tests.cli.conftest import SMALL, Command


@pytest.mark.parametrize("command", [main.main, report.main, explain.main], ids=["rnnbench", "report", "explain"])
def test_windows_is_refused_in_one_line(
    command: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Windows Subsystem for Linux" in line


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_the_terminal_does_not_have(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    print_in_any_encoding()
    print("∞ − 2×3 µs é 漢", flush=True)
    expected = {"ascii": "inf - 2x3 us e \\u6f22\n", "latin-1": "inf - 2×3 µs é \\u6f22\n"}
    assert written.getvalue().decode(encoding) == expected[encoding]


def test_all_commands_in_the_c_locale(tmp_path: Path) -> None:
    """The strictest: without the UTF-8 that Python would choose there, and a home that cannot be written to."""
    nowhere = str(tmp_path / "file")
    Path(nowhere).write_text("no folder")
    places = {"HOME": nowhere, "MPLCONFIGDIR": nowhere, "XDG_CACHE_HOME": nowhere, "XDG_CONFIG_HOME": nowhere}
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    commands = [
        (main, ["name=plain", *SMALL[:-1], "wandb=offline", "task.length=6", "model.backend=eager"]),
        (report, ["name=plain"]),
        (explain, ["cell=rnn"]),
    ]
    for command, arguments in commands:
        done = subprocess.run(
            [sys.executable, "-c", f"from {command.__name__} import main; main()", *arguments],
            cwd=tmp_path,
            env=os.environ | places | ascii_only,
            capture_output=True,
            check=False,
        )
        errors = done.stderr.decode("ascii")
        assert done.returncode == 0, errors
        done.stdout.decode("ascii")
        assert "Traceback" not in errors
        assert "Matplotlib" not in errors
        assert "Warning" not in errors
    assert (tmp_path / "results" / "plain" / "report.html").read_text(encoding="utf-8")


def test_arguments_that_are_no_text(rnnbench: Command) -> None:
    code, output, errors = rnnbench("name=a\udcff")
    assert (code, output) == (2, "")
    assert errors == "rnnbench: name=a\\udcff: no text in the encoding of this terminal; use letters that it has\n"


def test_output_that_nobody_reads() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as pipe, Terminal(pipe.fileno(), "w", closefd=False) as terminal:
        assert terminal.write(b"dropped") == 7
        assert terminal.write(b"too") == 3


def test_a_full_disk_is_told_once() -> None:
    with open("/dev/full", "w") as full, Terminal(full.fileno(), "w", closefd=False) as terminal:
        with pytest.raises(OSError, match="No space left"):
            terminal.write(b"lost")
        assert terminal.write(b"dropped") == 7


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_is_closed(unbuffered: str) -> None:
    """More is printed than a pipe holds."""
    program = (
        "import sys; from rnnbench.cli.main import main\nmain()\nprint('x' * 100_000); print('end', file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "rnnbench compares recurrent cells.\n"
    process.stdout.close()
    with process.stderr as errors:
        assert errors.read() == "end\n"
    assert process.wait() == 0
