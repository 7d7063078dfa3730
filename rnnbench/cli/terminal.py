"""Where a command runs and prints: no Windows, and terminals of any encoding, also those that are closed meanwhile."""

import errno
import io
import os
import re
import sys
from typing import Any, TextIO

OUTCOME = re.compile(r"(?<=: )(failed|refused|lost|diverged)|(?P<good>(?<=\()solved at step \d+)")
"""What is coloured in an outcome's line."""


def check_system() -> None:
    """Prepare a command, or end it with a line and exit code 2 on Windows, which cannot run the default backend."""
    for descriptor in range(3):  # a closed one would be that of the next file that is opened
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = map(_without_a_reader, (sys.stdout, sys.stderr))
    if sys.platform == "win32":
        print("rnnbench: Windows is not supported; use Linux or the Windows Subsystem for Linux", file=sys.stderr)
        raise SystemExit(2)


def coloured(outcome: str, stream: TextIO) -> str:
    """An outcome's line, on a terminal with `solved` in green or `failed` in red, unless NO_COLOR is set."""
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return outcome
    return OUTCOME.sub(lambda found: f"\x1b[{32 if found['good'] else 31}m{found[0]}\x1b[0m", outcome, count=1)


class Terminal(io.FileIO):
    """A terminal or pipe. What is written after its other end was closed is dropped, so that no run fails of it."""

    def write(self, data: Any) -> int:
        """Write the bytes, or drop them."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            return len(data)


def _without_a_reader(stream: TextIO | None) -> TextIO:
    """The stream over a Terminal; letters that its encoding does not have are written as escapes."""
    if stream is None:  # closed before the process started
        return open(os.devnull, "w", encoding="utf-8")
    raw = getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None))
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return stream  # in a notebook or a test, where it is no file
    stream.flush()
    buffer = io.BufferedWriter(Terminal(raw.fileno(), "w", closefd=False))
    is_by_line = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=is_by_line)
