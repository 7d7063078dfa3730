"""Signals that ask a process to stop: Ctrl-C, SIGTERM, SIGHUP, and SIGUSR1 and SIGUSR2, with which Slurm warns.

A signal is a flag, which a run asks between two training steps (`received`, `check`). Outside of jobs, where nothing
can be lost, a command also raises Interrupted at once. A signal that the process was started to ignore, as nohup does
with SIGHUP, is still ignored. The second Ctrl-C ends the process at once, or when a call into a library returns.

A command's main function runs within `listening`, a job within `deferred`, a call from Python within `raised_after`; a
worker process calls `listen_as_worker` once.
"""

import os
import signal
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Interrupted(BaseException):
    """The process was asked to stop. Like KeyboardInterrupt no Exception, so that what handles errors lets it pass."""

    def __init__(self, received: signal.Signals) -> None:
        super().__init__(received)
        self.signal = received
        self.exit_code = 128 + received  # as of a process that the signal ended

    def __str__(self) -> str:
        return "Ctrl-C" if self.signal == signal.SIGINT else self.signal.name


@dataclass
class _Process:
    """What this process has been asked, and what it does then."""

    received: signal.Signals | None = None
    raises: bool = False
    command: str | None = None
    requeued_after: Collection[signal.Signals] = ()


_process = _Process()


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
def listening(command: str, remedy: str) -> Iterator[None]:
    """A command's main function: a signal ends it with the line "`command`: stopped by SIGTERM; `remedy`"."""
    with _handlers():
        _process.raises, _process.command = True, command
        try:
            yield
            check()  # if a library has swallowed what was raised
        except Interrupted as stop:
            print(f"{command}: stopped by {stop}; {remedy}", file=sys.stderr)
            raise SystemExit(stop.exit_code) from None
        finally:
            _process.raises, _process.command, _process.received = False, None, None


@contextmanager
def raised_after() -> Iterator[None]:
    """A block of somebody else's program: a signal sets the flag, and takes its usual course after the block."""
    if not _can_listen():
        yield
        return
    try:
        with _handlers(), suppress(Interrupted):
            yield
    finally:
        stopped, _process.received = _process.received, None
    if stopped is not None:
        signal.raise_signal(stopped)


def listen_as_worker(requeued_after: Collection[signal.Signals] = ()) -> None:
    """Note signals from now on in a process whose main function is not ours; after some of them it is queued again."""
    _process.requeued_after = requeued_after or _process.requeued_after
    if _can_listen():
        _set_handlers()


def ignore_signals() -> None:
    """Let signals no longer change the exit code of a command that has ended."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _can_listen() -> bool:
    """Whether this is the main thread, of a process that has no handlers yet."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is not _handle


def _set_handlers() -> dict[int, Any]:
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, _handle) for number in heard}


@contextmanager
def _handlers() -> Iterator[None]:
    before = _set_handlers()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handle(number: int, frame: FrameType | None) -> None:
    is_first = _process.received is None
    _process.received = _process.received or signal.Signals(number)
    if number == signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)  # the second one ends the process
    if is_first and _process.raises:
        raise Interrupted(_process.received)
    if is_first and _process.command is not None:
        bars = "\r\x1b[J" if os.isatty(2) else ""  # those of progress make room
        line = f"{_process.command}: {received()}: stopping after this step; a second Ctrl-C ends at once\n"
        with suppress(OSError):
            os.write(2, (bars + line).encode())  # print may be what was interrupted
