"""How a run and a job stand."""

from enum import StrEnum


class Status(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """Started, and not ended; of a process that was killed, too."""
    DONE = "done"
    """Trained to the end."""
    DIVERGED = "diverged"
    """A loss or gradient was not finite. A result: the same settings diverge again."""
    FAILED = "failed"
    """Ended by an error, such as too little memory. Launched again, it goes on from its checkpoint."""


MEASURED = frozenset({Status.DONE, Status.DIVERGED})
"""Came to a result. Such runs are not run again, and claims rest on them."""

ENDED = frozenset({*MEASURED, Status.FAILED})
"""Are not running any more. Success rates and scores count a failed run as one that did not succeed."""


class JobStatus(StrEnum):
    """What became of one job of a launch."""

    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"
    REFUSED = "refused"
    """A wrong setting; no run was started."""
    DONE_BEFORE = "done before"
    """The run was done already."""
    BUSY = "busy"
    """Another process is at the same run."""
