"""What the launching process shows of a sweep, whatever launches its jobs: each outcome, and one line for all.

Everything is read from the launch's folder, which the jobs write to. On a terminal the line stays the last one and the
outcomes scroll by above it; elsewhere it is printed every minute.
"""

import contextlib
import io
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from tqdm import tqdm

from rnnbench.schema import JobStatus, LaunchFiles
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import PlannedJob, read_outcome, read_plan

if TYPE_CHECKING:
    from rnnbench.recorders.progress_file import StepsDone

PERIOD_S = 1.0
PRINT_EVERY_S = 60.0
"""Seconds between two lines where there is no terminal."""
SETTLING_S = 5.0
"""Seconds before which the time left is not told: the first steps are no measure of it."""
LOOK_SHARE = 0.02
"""At most this share of a core for looking."""

DONE = frozenset({JobStatus.DONE, JobStatus.DONE_BEFORE, JobStatus.DIVERGED})
"""Jobs whose run has a result."""


class StatusLine(Callback):
    """Hydra's callback around a sweep; it must not hold state, since Hydra sends it to worker processes."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        stop()
        _following.append(Following(LaunchFiles(Path(config.hydra.sweep.dir)), sys.stderr))
        _following[-1].start()

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        stop()


_following: "list[Following]" = []

tqdm.set_lock(
    threading.RLock()
)  # its own lock is shared between processes, and left in the system by one that is killed


def stop() -> None:
    """Tell the last outcomes and remove the line; does nothing when there is none."""
    while _following:
        _following.pop().stop()


def note(text: str) -> None:
    """What a launcher has to add to the line, such as the Slurm jobs that it waits for."""
    for following in _following:
        following.counts.note = text


class Counts:
    """The jobs of a launch, from its folder."""

    def __init__(self, files: LaunchFiles) -> None:
        self.files = files
        self.note = ""
        self.plan: list[PlannedJob] = []
        self._plan_read_at = 0
        self.ended: dict[int, JobStatus] = {}
        self.running: dict[int, StepsDone] = {}
        self._trained: dict[int, tuple[float, float]] = {}
        """Which share of a run was trained when it was first seen, and how much was last; it may be started again."""
        self.started = time.monotonic()
        """When the last look was that saw nothing trained, or else when this was made."""

    def look(self) -> list[str]:
        """Read what has changed; returns what the jobs that ended since printed, and a line for each."""
        from rnnbench.recorders.progress_file import (
            StepsDone,  # imports torch, which Hydra's search for plugins must not
        )

        self._read_plan()
        ended, begun = self.files.ended_and_begun()
        lines = [line for number in sorted(ended - set(self.ended)) for line in self._ended(number)]
        self.running = {number: StepsDone.read(self.files.progress(number)) for number in begun - set(self.ended)}
        for number, at in self.running.items():
            if at.steps > 0:
                first, _ = self._trained.get(number, (at.start / at.steps, 0.0))
                self._trained[number] = first, at.step / at.steps
        if self._work()[0] == 0:
            self.started = time.monotonic()
        return lines

    def _read_plan(self) -> None:
        with contextlib.suppress(OSError, DamagedFileError):  # the launch tells it when it ends
            written_at = self.files.plan.stat().st_mtime_ns
            if written_at != self._plan_read_at:
                self.plan, self._plan_read_at = read_plan(self.files.plan), written_at
                self.ended |= {number: job.status for number, job in enumerate(self.plan) if job.status is not None}

    def _ended(self, number: int) -> Iterator[str]:
        printed = self.files.printed(number)
        with contextlib.suppress(OSError):
            yield from printed.read_text(encoding="utf-8", errors="replace").splitlines()
        try:
            outcome = read_outcome(self.files.outcome(number))
        except DamagedFileError:  # the launch tells it when it ends
            return
        self.ended[number] = JobStatus(outcome["status"])
        planned = self.plan[number].run if number < len(self.plan) else None
        name = outcome.get("run") or planned or " ".join(outcome["overrides"])
        yield f"[{len(self.ended)}/{self.total}] {name}: {outcome['status']} {outcome.get('message', '')}".rstrip()

    @property
    def total(self) -> int | str:
        """How many jobs there are; "?" for a sweeper that does not know it before."""
        return len(self.plan) if len(self.plan) >= len(self.ended) and self.plan else "?"

    def line(self) -> str:
        """Done, running, failed, waiting and time left."""
        if not self.plan and not self.ended:
            return "planning"
        counts = Counter(self.ended.values())
        done = sum(counts[status] for status in DONE)
        said = [f"{done} done", f"{len(self.running)} running"]
        if failed := sum(counts.values()) - done:
            said.append(f"{failed} failed")
        if isinstance(self.total, int):
            said.append(f"{max(0, self.total - len(self.ended) - len(self.running))} waiting")
        left = self.seconds_left()
        time_left = [] if left is None else [f"about {_duration(left)} left"]
        return "; ".join([", ".join(said), *time_left, *([self.note] if self.note else [])])

    def seconds_left(self) -> float | None:
        """From the work that has been done since the first training step; None in the first seconds."""
        elapsed = time.monotonic() - self.started
        done, left = self._work()
        return elapsed * left / done if elapsed >= SETTLING_S and done > 0 and left > 0 else None

    def _work(self) -> tuple[float, float]:
        """How much this launch has done, and how much is left."""
        works = [job.work for job in self.plan if job.work is not None]
        usual = sum(works) / len(works) if works else 1.0
        done, left = 0.0, 0.0
        for number, job in enumerate(self.plan):
            work = usual if job.work is None else job.work
            first, last = self._trained.get(number, (0.0, 0.0))
            if number not in self.ended:
                done += work * (last - first)
                left += work * (1 - last)
            elif job.status is None and self.ended[number] != JobStatus.DONE_BEFORE:
                done += work * (1 - first)
        return done, left


def _duration(seconds: float) -> str:
    """In seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Following(threading.Thread):
    """Follows a launch until it is stopped."""

    def __init__(self, files: LaunchFiles, stream: TextIO) -> None:
        super().__init__(daemon=True)
        self.counts = Counts(files)
        self._stream = stream
        self._stopped = threading.Event()
        self._printed, self._printed_at = "", time.monotonic()
        self._bar: tqdm[Any] | None = None
        if stream.isatty():
            sys.stderr = _Above(stream)
            self._bar = tqdm(file=stream, bar_format="{desc}", leave=False, dynamic_ncols=True, position=0)

    def run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            started = time.monotonic()
            self._look()
            pause = max(PERIOD_S, (time.monotonic() - started) / LOOK_SHARE)

    def stop(self) -> None:
        """Tell the last outcomes and remove the line."""
        self._stopped.set()
        self.join()
        self._look()
        if self._bar is not None:
            self._bar.close()
            sys.stderr = self._stream

    def _look(self) -> None:
        try:
            lines = self.counts.look()
        except OSError:  # a folder that is gone or a disk that does not answer: shown again when it does
            return
        for line in lines:
            tqdm.write(line, file=self._stream)
        text = self.counts.line()
        if self._bar is not None:
            self._bar.set_description_str(text)
        elif time.monotonic() - self._printed_at >= PRINT_EVERY_S and text != self._printed:
            print(f"rnnbench: {text}", file=self._stream, flush=True)
            self._printed, self._printed_at = text, time.monotonic()


class _Above(io.TextIOBase):
    """Standard error whose lines appear above the status line."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            tqdm.write(line, file=self.terminal)
        return len(text)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.terminal.fileno()
