"""Errors: a wrong setting is reported in one line, everything else with its traceback.

A *wrong setting* is one that the user can correct: a component's argument that is unknown, missing or of another type
than its annotation; and a ValueError of its constructor whose message starts with the setting and its value, as
`length=1: must be at least 2 (one marker per half)` does (of an optimizer every ValueError, since torch's name none).
It becomes a SettingError: one line, exit code 2, and no run is started.

Everything else that is raised inside a component, at construction or later, `sys.exit` and KeyboardInterrupt included,
is a *bug*: the run counts as failed, the other runs of a sweep continue, the exit code is 1, and the whole traceback is
written to a file. The terminal shows its last calls.
"""

import errno
import re
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

SHOWN_CALLS = 5
"""The innermost calls of a traceback that the terminal shows."""

REQUIREMENTS = {
    "extra_forbidden": "no such setting; `rnnbench --help all` lists them",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "string_type": "must be text",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
}
"""What pydantic says in other words, by the type of its error."""


class SettingError(ValueError):
    """A wrong setting: one line that names the value, the bound and the remedy."""


class ComponentError(Exception):
    """A bug of a component that shows only in what it returned: the message says where, and the remedy."""


class OutOfMemory(ComponentError):  # noqa: N818 - a name that a user reads in a line
    """A run does not fit into memory."""


def as_reported(error: BaseException) -> BaseException:
    """The error, or where torch, NumPy or Python had no memory left, OutOfMemory with the remedy."""
    is_of_torch = type(error).__name__ == "OutOfMemoryError"  # which is not imported here
    if not (isinstance(error, MemoryError) or is_of_torch or "can't allocate memory" in str(error)):
        return error
    remedy = "lower train.batch_size, train.eval_examples, model.hidden_size or the size of the task"
    reported = OutOfMemory(f"the run does not fit into memory ({one_line(error)[:200]}); {remedy}")
    reported.__cause__ = error
    return reported


def names_a_setting(error: ValueError) -> bool:
    """Whether the message starts with `setting=value: `."""
    return re.match(r"[A-Za-z_][\w.]*=.*: ", one_line(error)) is not None


def one_line(error: BaseException) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def printable(text: str, longest: int = 200) -> str:
    """Text from elsewhere in one line that any terminal or file takes: escaped where it is not printable, and cut."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return line if len(line) <= longest else f"{line[:longest]}..."


def validation_message(error: ValidationError) -> str:
    """Pydantic's errors in one line, each as `key=value: what it must be`."""
    named = {".".join(map(str, each["loc"])): each for each in error.errors()}
    return "; ".join(f"{name}={printable(str(each['input']))}: {requirement(each)}" for name, each in named.items())


def requirement(problem: ErrorDetails) -> str:
    """What a value must be, according to pydantic."""
    if (told := REQUIREMENTS.get(problem["type"])) is not None:
        return told.format_map(problem.get("ctx", {}))
    return problem["msg"].replace("Input should be", "must be").replace("Value error, ", "")


def print_error(error: BaseException) -> None:
    """Print the traceback, of its calls the innermost.

    One line for a wrong setting, for an error of the system such as a full disk, and for a ComponentError; of a
    SyntaxError the place.
    """
    said = traceback.TracebackException.from_exception(error)
    of_the_system = isinstance(error, OSError) and error.errno not in (None, errno.ENOENT)
    if isinstance(error, ComponentError | SettingError) or of_the_system:
        text = f"rnnbench: {one_line(error)}\n"
    elif isinstance(error, SyntaxError):  # it names file and line; what led there is Python's import
        text = "".join(said.format_exception_only())
    else:
        del said.stack[:-SHOWN_CALLS]
        text = "".join(said.format(chain=False))
    print(text, end="", file=sys.stderr)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """`did you mean NAME? `, the known name that is nearest to the one given; empty where none is near."""
    near = get_close_matches(given, list(known), n=1)
    return f"did you mean {near[0]}? " if near else ""


def named(error: BaseException) -> str:
    """An error in one line, with its type."""
    name, said = type(error).__name__, one_line(error)
    return name if said == name else f"{name}: {said}"
