"""Lines of the user's code, for messages and names."""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from traceback import walk_stack, walk_tb
from types import FrameType, TracebackType

import torch

Line = tuple[str, int] | None
"""A file and a line in it."""

_FOREIGN = (os.path.dirname(torch.__file__), os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))


def line_of(frame: FrameType | None) -> Line:
    """The innermost line of the user's on the stack."""
    return next(_own_lines(walk_stack(frame)), None)


def line_in(traceback: TracebackType | None) -> Line:
    """The innermost line of the user's that an error went through."""
    return next(reversed([*_own_lines(walk_tb(traceback))]), None)


def _own_lines(frames: Iterable[tuple[FrameType, int]]) -> Iterator[tuple[str, int]]:
    files = ((frame.f_code.co_filename, line) for frame, line in frames)
    return ((file, line) for file, line in files if not file.startswith(_FOREIGN))


def line_of_function(function: Callable[..., object]) -> Line:
    """Where a function begins; None for an object that is called like one."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else (code.co_filename, code.co_firstlineno)


def located(message: str, line: Line) -> str:
    """The message with ` on line N of FILE` before its advice, which follows a semicolon, unless it names a line."""
    if line is None or " on line " in message:
        return message
    what, separator, advice = message.partition("; ")
    return f"{what} on line {line[1]} of {os.path.basename(line[0])}{separator}{advice}"
