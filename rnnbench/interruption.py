"""Signals that ask a process to stop: Ctrl-C, SIGTERM, SIGHUP, and SIGUSR1 and SIGUSR2, with which Slurm warns.

A signal is a flag, which a run asks between two training steps (`received`, `check`). Outside of jobs, where nothing
can be lost, a command also raises Interrupted at once. A signal that the process was started to ignore, as nohup does
with SIGHUP, is still ignored. The second Ctrl-C ends the process at once, or when a call into a library returns.

- A command's main function runs within `listening`, which ends it with one line and exit code 128 + signal.
- A job runs within `deferred`: a signal only sets the flag, and Interrupted is raised at the end of the block.
- A call from Python runs within `raised_after`, after which a signal takes its usual course.
- A worker process calls `listen_as_worker` once. There a signal only sets the flag.

A process has one handler for each signal, so what was received is kept per process.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)


class Interrupted(BaseException):
    """The process was asked to stop. Like KeyboardInterrupt no Exception, so that what handles errors lets it pass."""

    def __init__(self, received: signal.Signals) -> None:
        super().__init__(received)
        self.signal = received

    def __str__(self) -> str:
        return "Ctrl-C" if self.signal == signal.SIGINT else self.signal.name

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as of a process that the signal ended."""
        return 128 + self.signal


@dataclass
class _Process:
    """What this process has been asked, and whether that raises at once."""

    received: signal.Signals | None = None
    raises: bool = False
    command: str | None = None
    """The command that this process listens for."""
    requeued_after: Collection[signal.Signals] = ()
    is_of_command: bool = False
    """Whether the process ends when its command has ended."""
    ends_with: int | None = None
    """The exit code, once the command has ended."""


_process = _Process()
_tell_unraisable = sys.unraisablehook


def received() -> Interrupted | None:
    """The first signal that asked this process to stop; None before."""
    return None if _process.received is None else Interrupted(_process.received)


def will_be_requeued() -> bool:
    """Whether the signal that asked this process to stop is one after which its job is started again."""
    return _process.received in _process.requeued_after


def check() -> None:
    """Raise Interrupted if this process was asked to stop."""
    if _process.received is not None:
        raise Interrupted(_process.received)


@contextmanager
def deferred() -> Iterator[None]:
    """A block in which a signal only sets the flag. It raises at the end, unless that is deferred too."""
    before, _process.raises = _process.raises, False
    try:
        yield
    finally:
        _process.raises = before
    if before:
        check()


@contextmanager
def listening(command: str, goes_on: str) -> Iterator[None]:
    """A command's main function: a signal ends it with the line "`command`: stopped by SIGTERM; `goes_on`"."""
    before = _set_handlers()
    _process.raises, _process.command = True, command
    try:
        yield
        check()  # if a library has swallowed what was raised
        _ended(0)
    except Interrupted as stop:
        print(f"{command}: stopped by {stop}; {goes_on}", file=sys.stderr)
        _ended(stop.exit_code)
        raise SystemExit(stop.exit_code) from None
    except SystemExit as end:
        _ended(end.code)
        raise
    finally:
        _process.raises, _process.command, _process.received = False, None, None
        for number, handler in before.items():
            signal.signal(number, _end if _process.is_of_command else handler)


@contextmanager
def raised_after() -> Iterator[None]:
    """A block of somebody else's program: a signal sets the flag, and takes its usual course after the block."""
    if threading.current_thread() is not threading.main_thread() or _is_listening():
        yield
        return
    before = _set_handlers()
    try:
        with suppress(Interrupted):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopped, _process.received = _process.received, None
    if stopped is not None:
        signal.raise_signal(stopped)


def end_quickly() -> None:
    """Let this process, once its command has ended, end without Python's own teardown, which takes seconds with torch.

    A signal that comes after the command has ended does not change the exit code. Called before anything else is
    imported, since exit functions run in the reverse order.
    """
    _process.is_of_command = True
    atexit.register(_end)


def _ended(code: Any) -> None:
    _process.raises = False
    _process.ends_with = code if isinstance(code, int) else int(code is not None)


def _end(*_: Any) -> None:
    """End the process at once if its command has ended."""
    if _process.ends_with is not None:
        with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: a signal came while this wrote
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(_process.ends_with)


def listen_as_worker(requeued_after: Collection[signal.Signals] | None = None) -> None:
    """Note signals from now on in a process whose main function is not ours; does nothing where handlers are in place.

    In a thread that is not the main one handlers cannot be set; it does nothing there either. After the signals
    `requeued_after` the worker's job is started again.
    """
    if requeued_after is not None:
        _process.requeued_after = requeued_after
    if not _is_listening() and threading.current_thread() is threading.main_thread():
        _set_handlers()


def _is_listening() -> bool:
    return signal.getsignal(signal.SIGTERM) is _handle


def _set_handlers() -> dict[int, Any]:
    """Handle the signals that are not ignored; returns the handlers before."""
    sys.unraisablehook = _pass_over
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, _handle) for number in heard}


def _pass_over(unraisable: "sys.UnraisableHookArgs") -> None:
    """Say nothing of an Interrupted that a destructor has swallowed: it was noted, and the next check raises it."""
    if not isinstance(unraisable.exc_value, Interrupted):
        _tell_unraisable(unraisable)


def _handle(number: int, frame: FrameType | None) -> None:
    is_first = _process.received is None
    _process.received = _process.received or signal.Signals(number)
    if number == signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)  # the second one ends the process
    if is_first and _process.raises:
        raise Interrupted(_process.received)
    if is_first and _process.command is not None:
        said = f"{_process.command}: {received()}: stopping after this step; a second Ctrl-C ends at once\n"
        with suppress(OSError):
            os.write(2, said.encode())  # print may be what was interrupted
