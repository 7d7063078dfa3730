"""What Slurm says about its jobs and limits."""

import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass

from rnnbench.errors import one_line

ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "GONE", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
     "REVOKED", "TIMEOUT"}
)  # fmt: skip
"""States from which a job returns only if it is queued again; GONE: Slurm no longer knows it."""
SMALLEST_DEFAULT = 1000
"""The arrays' limit where the site does not tell its own; Slurm's default is 1001."""
AT_A_TIME = 200
"""Slurm jobs asked for at a time."""
PATIENCE_S = 60
"""Seconds for an answer of Slurm."""


@dataclass(frozen=True)
class QueueState:
    """What Slurm says of a job."""

    state: str
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether it has ended, unless it is queued again."""
        return self.state in ENDED

    def __str__(self) -> str:
        return f"{self.state} ({self.reason})" if self.reason not in ("", "None") else self.state


def states(jobs: Collection[str]) -> dict[str, QueueState] | None:
    """The state of each Slurm job, array tasks as `12_3`; None where Slurm does not answer at present."""
    found: dict[str, QueueState] = {}
    numbers = sorted({job.partition("_")[0] for job in jobs})
    for some in (numbers[first : first + AT_A_TIME] for first in range(0, len(numbers), AT_A_TIME)):
        fields = ["--noheader", "--array", "--states=all", f"--jobs={','.join(some)}", "--format=%i|%T|%r"]
        try:
            answer = subprocess.run(["squeue", *fields], capture_output=True, text=True, timeout=PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if answer.returncode != 0 and "Invalid job id" not in answer.stderr:
            return None
        for line in answer.stdout.splitlines():
            job, state, reason = (field.strip() for field in line.split("|", 2))
            found[job] = QueueState(state, reason)
    return {job: found.get(job, QueueState("GONE")) for job in jobs}


def largest_array() -> int:
    """How many tasks an array may have at this site."""
    try:
        shown = subprocess.run(
            ["scontrol", "show", "config"], capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return SMALLEST_DEFAULT
    limit = re.search(r"^MaxArraySize\s*=\s*(\d+)", shown, flags=re.MULTILINE)
    return max(1, int(limit[1])) if limit else SMALLEST_DEFAULT


def refusal(error: BaseException) -> str:
    """Why sbatch refuses a job, in its own words."""
    said = re.findall(r"sbatch: (?:error: )?(?:Batch job submission failed: )?([^\n]+)", str(error))
    return "; ".join(dict.fromkeys(said)) or one_line(error)
