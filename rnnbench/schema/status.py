"""The status of a run and of a job."""

from enum import StrEnum


class Status(StrEnum):
    """The status of a run."""

    RUNNING = "running"
    """Started and not ended; also when its process was killed."""
    DONE = "done"
    """Trained to the end."""
    DIVERGED = "diverged"
    """A loss or gradient was not finite. A result: the same settings diverge again."""
    FAILED = "failed"
    """Ended by an error, such as too little memory. Launched again, it resumes from its checkpoint."""


MEASURED = frozenset({Status.DONE, Status.DIVERGED})
"""Runs with a result. They are not repeated, and claims are tested on them."""

ENDED = frozenset({*MEASURED, Status.FAILED})
"""Runs that have ended. Success rates and scores count a failed run as one that did not succeed."""


class JobStatus(StrEnum):
    """The outcome of one job of a launch."""

    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"
    REFUSED = "refused"
    """A wrong setting; no run was started."""
    DONE_BEFORE = "done before"
    """The run was done already."""
    LOST = "lost"
    """Its process, node or Slurm job ended before it did."""
    BUSY = "busy"
    """Another process is executing the same run; where it has ended it by the end of the launch, it counts as done."""
    STOPPED = "stopped"
    """A signal stopped it; its run has a checkpoint."""

    @classmethod
    def of_run_before(cls, status: str | None) -> "JobStatus | None":
        """The outcome of a job whose run has this status already; None where there is more to do."""
        if status not in MEASURED:
            return None
        return cls.DONE_BEFORE if status == Status.DONE else cls.DIVERGED
