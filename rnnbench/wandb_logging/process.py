"""The process that talks to W&B, seen from the one that trains: messages go out, reports come back, no run waits.

Everything that can go wrong with W&B ends here, in one line for all runs of this process: what W&B does not take, or
has not taken CLOSE_S after the last run, is given up. Run folders do not depend on it; `rnnbench-sync` uploads them.
"""

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from tqdm import tqdm

from rnnbench.errors import one_line
from rnnbench.interruption import received

CLOSE_S = 4.5
"""The longest that this process waits for W&B, in all: when it ends."""
INTERRUPTED_S = 0.5
"""The same after a signal that asks to stop: the run's next session sends all of it again."""
MOST_UNSENT = 64 << 20
"""Bytes that may wait to be taken."""
MOST_STARTS = 3
"""Processes that are started, one after the end of the other, before W&B is left alone."""
NOT_PASSED_ON = ("WANDB_MODE", "WANDB_SERVICE", "WANDB_RESUME", "WANDB_DIR", "WANDB_NAME")
"""W&B's variables that would contradict what each run says."""


class WandbProcess:
    """The process, started when it is first needed. No method raises; only `reports` and `close` wait.

    A `quiet` one prints nothing; its reports are for the caller.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.owner = os.getpid()
        self.process: subprocess.Popen[bytes] | None = None
        self.temporary = ""
        self.unsent, self.received = bytearray(), bytearray()
        self.starts = 0
        self.pending: dict[str, str] = {}
        """Runs that W&B does not have all of yet, with their experiments."""
        self.warned = self.linked = False

    def prepare(self) -> None:
        """Start the process, so that it is ready when the first run is."""
        if self.process is not None or self.starts == MOST_STARTS:
            return
        self.starts += 1
        environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        try:
            self.temporary = tempfile.mkdtemp(prefix=f"rnnbench-wandb-{os.getpid()}-")
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rnnbench.wandb_logging.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"WANDB_CACHE_DIR": self.temporary, "WANDB_DATA_DIR": self.temporary}
                | environment
                | {"TMPDIR": self.temporary},
                start_new_session=True,
            )
        except OSError as error:
            self._give_up(one_line(error))
        else:
            os.set_blocking(self._input, False)
            os.set_blocking(self._output, False)

    def send(self, message: Mapping[str, Any]) -> None:
        """Pass a message on, now or with a later one. A run's first is `start`."""
        if message["do"] == "start":
            self.prepare()
            self.pending[message["run"]] = message["experiment"]
        if self.process is not None:
            self.unsent += json.dumps(message, default=float).encode() + b"\n"
            self._exchange()

    def reports(self, timeout_s: float) -> Iterator[dict[str, Any]]:
        """The reports that come within that time, or until the process ends."""
        until = time.monotonic() + timeout_s
        while self.process is not None:
            yield from self._exchange()
            left = until - time.monotonic()
            if left <= 0 or self.process is None:
                return
            select.select([self._output], [self._input] if self.unsent else [], [], left)

    def close(self) -> None:
        """Wait for W&B to take what was sent, for a bounded time; end the process and all that it started."""
        if os.getpid() != self.owner:  # a copy in a forked process
            return
        until = time.monotonic() + (INTERRUPTED_S if received() else CLOSE_S)
        while self.process is not None and self.unsent and time.monotonic() < until:
            select.select([], [self._input], [], until - time.monotonic())
            self._exchange()
        if self.process is not None:
            assert self.process.stdin is not None
            with suppress(OSError):
                self.process.stdin.close()
            for _ in self.reports(until - time.monotonic()):
                pass
        if self.process is not None:
            self._give_up(f"it took longer than {CLOSE_S:g} s after the last run")

    @property
    def _input(self) -> int:
        assert self.process is not None
        assert self.process.stdin is not None
        return self.process.stdin.fileno()

    @property
    def _output(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def _exchange(self) -> list[dict[str, Any]]:
        """Write what the process takes, and read, tell and return what it reports."""
        try:
            while self.unsent and (written := os.write(self._input, self.unsent[: 1 << 16])):
                del self.unsent[:written]
        except BlockingIOError:
            if len(self.unsent) > MOST_UNSENT:
                self._give_up("it takes nothing any more")
                return []
        except (OSError, ValueError):  # its end shows in the output, after its last reports
            self.unsent.clear()
        ended = False
        try:
            while chunk := os.read(self._output, 1 << 16):
                self.received += chunk
            ended = True
        except BlockingIOError:
            pass
        *lines, rest = self.received.split(b"\n")
        self.received = bytearray(rest)
        reports: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for report in reports:
            self._tell(report)
        if ended:
            self._give_up("its process ended")
        return reports

    def _tell(self, report: Mapping[str, Any]) -> None:
        """Print what a report says to the user."""
        if (run := report.get("kept")) is not None:
            self.pending.pop(run, None)
        elif "started" in report and not (self.linked or self.quiet):
            self.linked = True
            _print(f"W&B: {report['url']}")
        elif "away" in report:
            self._warn(f"W&B cannot be reached ({report['reason']}); runs are logged offline", report["away"])
        elif "lost" in report:
            self._warn(f"W&B does not have all of {report['lost']} ({report['reason']})", report["lost"])

    def _give_up(self, reason: str) -> None:
        """End the process, its group and what they left; the runs that W&B lacks are told once."""
        process, self.process = self.process, None
        if process is not None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.unsent.clear()
        self.received.clear()
        if self.pending and not received():
            first, *others = self.pending
            more = f" and {len(others)} more runs" if others else ""
            self._warn(f"W&B does not have all of {first}{more} ({reason})", first)

    def _warn(self, text: str, run: str) -> None:
        if not (self.warned or self.quiet):
            self.warned = True
            name = self.pending.get(run, "NAME")
            _print(f"{text}; the run folders are complete, and `rnnbench-sync name={name}` uploads them later")


def _print(text: str) -> None:
    """Print a line, above the progress bars."""
    tqdm.write(f"rnnbench: {text}", file=sys.stderr)


_own: WandbProcess | None = None


def wandb_process() -> WandbProcess:
    """The one of this process, which is closed when it ends."""
    global _own
    if _own is None or _own.owner != os.getpid():
        _own = WandbProcess()
        atexit.register(_own.close)
    return _own
