"""What the launching process shows of a sweep: each outcome, and on a terminal one line for all, below the outcomes."""

import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import Any, TextIO

from tqdm import tqdm

from rnnbench.runs.swept import outcome_line, shared_overrides
from rnnbench.schema import JobStatus, LaunchFiles
from rnnbench.store.atomic import DamagedFileError
from rnnbench.store.reader import PlannedJob, read_outcome, read_plan

DONE = (JobStatus.DONE, JobStatus.DONE_BEFORE, JobStatus.DIVERGED)
tqdm.set_lock(threading.RLock())  # tqdm's own is shared between processes, and stays in the system after a kill
_following: "list[Following]" = []


def start(files: LaunchFiles) -> None:
    """Show the outcomes and the line of a launch from now on."""
    _following.append(Following(files, sys.stderr))
    _following[-1].start()


def stop() -> None:
    """Print the last outcomes and remove the line; does nothing when there is none."""
    while _following:
        following = _following.pop()
        following.stopped.set()
        following.join()


class Following(threading.Thread):
    """Follows a launch until it is stopped."""

    def __init__(self, files: LaunchFiles, stream: TextIO) -> None:
        super().__init__(daemon=True)
        self.files, self.stream = files, stream
        self.plan: list[PlannedJob] = []
        self.shared: frozenset[str] = frozenset()
        self.ended: dict[int, JobStatus] = {}
        self._plan_read_at = 0
        self.stopped = threading.Event()
        shown: dict[str, Any] = {"leave": False, "dynamic_ncols": True, "nrows": 20, "position": 0, "disable": None}
        self.bar = tqdm(file=stream, bar_format="{desc}; {remaining} left", **shown)

    def run(self) -> None:
        while not self.stopped.wait(1.0):
            self.show()
        self.show()
        self.bar.close()

    def show(self) -> None:
        """Print what has ended since the last time, and how far the sweep has come."""
        with suppress(OSError, DamagedFileError):  # the launch reports it when it ends
            self._look()

    def _look(self) -> None:
        if self.files.plan.exists() and (written_at := self.files.plan.stat().st_mtime_ns) != self._plan_read_at:
            self.plan, self._plan_read_at = read_plan(self.files.plan), written_at
            self.shared = shared_overrides(job.overrides for job in self.plan)
            self.ended |= {number: job.status for number, job in enumerate(self.plan) if job.status is not None}
        ended, begun = self.files.ended_and_running()
        for number in sorted(ended - set(self.ended)):
            self._print(number)
        running = len(begun - ended)
        done = sum(status in DONE for status in self.ended.values())
        others = Counter[str](status for status in self.ended.values() if status not in DONE)
        waiting = max(0, len(self.plan) - len(self.ended) - running)
        counts: dict[str, int] = {"done": done, "running": running, **others, "waiting": waiting}
        self.bar.set_description_str(", ".join(f"{count} {status}" for status, count in counts.items()))
        known_before = sum(job.status is not None for job in self.plan)
        known_now = len(self.ended) - known_before
        self.bar.n = known_now and known_now + running / 2  # on average half of a run is done
        self.bar.total = len(self.plan) - known_before

    def _print(self, number: int) -> None:
        self.ended[number] = JobStatus.LOST  # if its outcome is damaged
        outcome = read_outcome(self.files.outcome(number))
        self.ended[number] = outcome.status
        if (printed := self.files.printed(number)).exists() and (text := printed.read_text(errors="replace").rstrip()):
            tqdm.write(text, file=self.stream)
        planned = self.plan[number].run if number < len(self.plan) else None
        line = f"[{len(self.ended)}/{len(self.plan) or '?'}] {outcome_line(outcome, self.shared, planned)}"
        tqdm.write(line, file=self.stream)
