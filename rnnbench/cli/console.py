"""What all commands share: --help, --version, completion, a terminal of any kind, and the end in one line."""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NoReturn, TextIO

import rnnbench
from rnnbench.cli.menu import is_among
from rnnbench.interruption import listening
from rnnbench.schema import ExperimentFiles

COMPLETION = frozenset({"-sc", "--shell-completion"})


def answer(command: str, resumes: str, usage: str, run: Callable[[list[str]], None], used: Sequence[str]) -> None:
    """A console command: print the usage, the version or completions where the arguments ask for it, or else run.

    `resumes` says after a signal what the command does when it is run again. `used` names the settings that a command
    without a Hydra application takes, a dot at the end standing for all below.
    """
    arguments = sys.argv[1:]
    sys.stdout, sys.stderr = map(_for_any_terminal, (sys.stdout, sys.stderr))
    if sys.platform == "win32":  # which cannot run the default backend
        fail("Windows is not supported; use Linux or the Windows Subsystem for Linux")
    with listening(command, resumes):
        if {"--help", "-h"} & set(arguments):
            print(usage)
        elif "--version" in arguments:
            print(f"rnnbench {rnnbench.__version__}")
        else:
            from rnnbench.cli.application import in_one_line  # imports Hydra, which the help can do without

            is_completion = used and COMPLETION & set(arguments)
            in_one_line(lambda: _complete(arguments, used) if is_completion else run(arguments))


def fail(message: str) -> NoReturn:
    """End the program for a wrong setting: one line, exit code 2."""
    print(f"rnnbench: {message}", file=sys.stderr)
    raise SystemExit(2)


def _complete(arguments: list[str], used: Sequence[str]) -> None:
    """Print what Hydra's script asks for with `-sc query=bash`, or the script itself with `-sc install=bash`.

    It is Hydra's completion, limited to the settings that are used, and the names of the experiments.
    """
    from rnnbench.cli.application import launch

    if not any(word.startswith("query=") for word in arguments):
        launch(arguments)
        return
    with redirect_stdout(io.StringIO()) as printed:
        launch(arguments)
    *before, word = os.environ["COMP_LINE"].split(" ")
    candidates = [each for each in printed.getvalue().split() if not each.startswith("name=")]  # the default
    candidates += [name if name.endswith(".") else f"{name}=" for name in used]
    results = [each.partition("=")[2] for each in ["results_dir=results", *before] if each.startswith("results_dir=")]
    candidates += [f"name={files.folder.name}" for files in ExperimentFiles.all_in(Path(results[-1]))]
    fitting = {each for each in candidates if each.startswith(word) and each != word and is_among(each, used)}
    print(" ".join(sorted(fitting)))


class _Terminal(io.FileIO):
    """A terminal or pipe. What is written after its other end was closed is dropped, so that no run fails of it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            return len(data)


def _for_any_terminal(stream: TextIO) -> TextIO:
    """The stream over a _Terminal; letters that its encoding does not have are written as escapes."""
    raw = getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None))
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return stream  # in a notebook or a test, where it is no file
    stream.flush()
    buffer = io.BufferedWriter(_Terminal(raw.fileno(), "w", closefd=False))
    is_by_line = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=is_by_line)
