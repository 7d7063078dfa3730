"""Which runs go into which Slurm job: about equal work in each, the longest first."""

import heapq
import math
from collections.abc import Sequence

from rnnbench.cli.launching.launcher import Job


def packs(jobs: Sequence[Job], works: Sequence[float | None], runs_per_job: int) -> list[list[Job]]:
    """As many packs as hold `runs_per_job` runs each, or one less in the last; that with the most work comes first.

    The longest run goes to the pack with the least work so far, and so on. Unknown work counts as the mean.
    """
    known = [work for work in works if work is not None]
    usual = sum(known) / len(known) if known else 1.0
    sized = [(usual if work is None else work, job) for work, job in zip(works, jobs, strict=True)]
    number = math.ceil(len(jobs) / runs_per_job)
    heap: list[tuple[float, int]] = [(0.0, index) for index in range(number)]
    packed: list[list[Job]] = [[] for _ in range(number)]
    totals = [0.0] * number
    for work, job in sorted(sized, key=lambda each: (-each[0], each[1][0])):
        total, index = heapq.heappop(heap)
        packed[index].append(job)
        totals[index] = total + work
        heapq.heappush(heap, (totals[index], index))
    order = sorted(range(number), key=lambda index: (-totals[index], index))
    return [packed[index] for index in order]
