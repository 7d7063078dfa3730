"""Where rnnbench runs: the systems, a working directory that is there, and terminals, of any encoding or closed."""

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import Any, TextIO

from rnnbench.errors import printable

PLAIN = {"∞": "inf", "×": "x", "µ": "u", "μ": "u", "–": "-", "—": "-", "−": "-", "…": "...", "≤": "<=", "≥": ">="}
"""What stands for a letter where the terminal's encoding does not have it."""


def check_system() -> None:
    """Prepare a command, or end it with a line and exit code 2 where it cannot run."""
    print_without_a_reader()
    print_in_any_encoding()
    refuse_windows()
    refuse_deleted_folder()
    refuse_undecodable_arguments()


def refuse_windows() -> None:
    """Windows is refused: its processes cannot run the default backend."""
    if sys.platform == "win32":
        _refuse("Windows is not supported; use Linux, macOS or the Windows Subsystem for Linux")


def refuse_deleted_folder() -> None:
    """A deleted working directory is refused: torch does not load there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        _refuse("the working directory has been deleted; change to another one")


def refuse_undecodable_arguments() -> None:
    """Arguments that are no text in the locale's encoding are refused, since files could not hold them."""
    for word in sys.argv[1:]:
        try:
            word.encode()
        except UnicodeEncodeError:
            _refuse(f"{printable(word)}: no text in the encoding of this terminal; use letters that it has")


class Terminal(io.FileIO):
    """A terminal or pipe. What is written after its other end was closed is dropped, and the command continues."""

    def write(self, data: Any) -> int:
        """Write the bytes, or drop them."""
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise  # a full disk, once
            return super().write(data)


def print_without_a_reader() -> None:
    """Let `rnnbench ... | head` and a terminal that is closed end neither a command nor its runs."""
    for descriptor in range(3):  # a closed one would be that of the next file that is opened
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = map(_without_a_reader, (sys.stdout, sys.stderr))


def _without_a_reader(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed before the process started
        return open(os.devnull, "w", encoding="utf-8")
    raw = getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None))
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return stream  # in a notebook or a test, where it is no file
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Terminal(raw.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )


def print_in_any_encoding() -> None:
    """Print letters that the encoding of the terminal or file does not have as others, such as inf for infinity."""
    codecs.register_error("rnnbench", plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="rnnbench")


def plain_letters(error: UnicodeError) -> tuple[str, int]:
    """The error handler: plain letters for those that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(letter: str) -> str:
    if letter in PLAIN:
        return PLAIN[letter]
    decomposed = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return decomposed or ascii(letter)[1:-1]


def _refuse(why: str) -> None:
    print(f"rnnbench: {why}", file=sys.stderr)
    raise SystemExit(2)
