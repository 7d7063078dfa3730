"""What a sweep varies: the settings in which one of its jobs differs from the others, such as `lr=0.01`."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from rnnbench.schema import changes_what_is_run
from rnnbench.store.reader import JobOutcome

IN_THE_NAME = ("cell", "task", "seed")
"""Settings that the name of a run begins with."""


def shared_overrides(jobs: Iterable[Sequence[str]]) -> frozenset[str]:
    """The overrides, `key=value`, that all jobs of a sweep have."""
    return frozenset.intersection(*map(frozenset, jobs)) if (jobs := list(jobs)) else frozenset()


def swept_label(overrides: Sequence[str], shared: Collection[str] = ()) -> str:
    """The overrides that a job does not share with the others, without their groups: `lr=0.01 length=50`.

    Settings of one name keep their groups. Left out is what the run's name begins with or cannot change a result.
    """
    own = [text.lstrip("+") for text in overrides if text not in shared and changes_what_is_run(text)]
    own = [text for text in own if text.partition("=")[0] not in IN_THE_NAME]
    last = Counter(_last(text) for text in own)
    parts = [text.partition("=") for text in own]
    return " ".join(f"{key if last[_last(key)] > 1 else _last(key)}{is_set}{value}" for key, is_set, value in parts)


def _last(text: str) -> str:
    return text.partition("=")[0].rpartition(".")[2]


def outcome_line(outcome: JobOutcome, shared: Collection[str] = (), planned: str | None = None) -> str:
    """What became of a job: `gru-adding-0-7456dcdd lr=0.01: done (...)`; `planned` is the run's name if known."""
    run = outcome.run or planned
    name = f"{run} {swept_label(outcome.overrides, shared)}".rstrip() if run else " ".join(outcome.overrides)
    return f"{name}: {outcome.status} {outcome.message}".rstrip()
