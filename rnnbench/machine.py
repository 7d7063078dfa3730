"""The machine that times are measured on: its processor type and the load by other processes.

What an operating system other than Linux does not report is empty, never an error.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

VECTOR_WIDTHS = {"avx512f": 512, "avx2": 256, "avx": 256, "sse": 128, "asimd": 128, "neon": 128}
"""Bits of the vector registers by CPU flag. No flag gives the width of ARM's SVE; it counts as the 128 bits that every
processor with it has."""

SHARED_FROM = 0.5
"""Times count as shared when others used more than this many cores for each thread of the run."""

CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Processor:
    """A processor type; family and model are of its vendor's numbering, on ARM implementer and part."""

    name: str = ""
    family: int | None = None
    model: int | None = None
    vector_width_bits: int | None = None

    def __str__(self) -> str:
        """`AMD EPYC, family 25, model 17, 512-bit vectors`."""
        numbers = {"family {}": self.family, "model {}": self.model, "{}-bit vectors": self.vector_width_bits}
        known = [form.format(number) for form, number in numbers.items() if number is not None]
        return ", ".join([self.name or "unknown processor", *known])


@cache
def processor() -> Processor:
    """The processor of this machine."""
    text = _read(Path("/proc/cpuinfo"))
    return parse_cpuinfo(text) if text else Processor(platform.processor())


def parse_cpuinfo(text: str) -> Processor:
    """The first processor of a /proc/cpuinfo of x86 or of ARM."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        values.setdefault(key.strip(), value.strip())
    flags = set((values.get("flags") or values.get("Features") or "").split())
    widths = [width for flag, width in VECTOR_WIDTHS.items() if flag in flags]
    texts = values.get("cpu family") or values.get("CPU implementer"), values.get("model") or values.get("CPU part")
    family, model = (None if text is None else int(text, 0) for text in texts)  # decimal, or as 0x...
    return Processor(values.get("model name") or platform.machine(), family, model, max(widths, default=None))


def logical_cores() -> int | None:
    """The logical cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def cpu_limit(group: str | None = None, root: Path = CONTROL_GROUPS) -> float | None:
    """The CPU limit in cores of the control group (version 2) and its parents; None without a limit."""
    if group is None:
        group = next((line[3:] for line in _read(Path("/proc/self/cgroup")).splitlines() if line[:3] == "0::"), "/")
    inner = root / group.strip("/")
    folders = [each for each in (inner, *inner.parents) if each.is_relative_to(root)]
    limits = [_read(each / "cpu.max").split() for each in folders]
    return min((int(quota) / int(period) for quota, period in filter(None, limits) if quota != "max"), default=None)


class CpuTimes(NamedTuple):
    """Seconds so far."""

    wall: float
    busy: float
    """Of all cores of the machine, steal time included; NaN where the system does not report it."""
    own: float
    """Of all threads of this process."""


def cpu_times() -> CpuTimes:
    """The times now."""
    return CpuTimes(time.monotonic(), parse_busy(_read(Path("/proc/stat"))), time.process_time())


def parse_busy(stat: str) -> float:
    """Seconds that the machine's cores have been busy, of a /proc/stat; NaN without its first line."""
    words = stat.partition("\n")[0].split()
    if len(words) < 9 or words[0] != "cpu":
        return math.nan
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, words[1:9])
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")


class ExternalLoadMeter:
    """Measures the load by other processes from its construction on, at the cost of two reads each time."""

    def __init__(self, read: Callable[[], CpuTimes] = cpu_times) -> None:
        self.read = read
        self.start = read()

    def load(self) -> float:
        """The mean number of cores that other processes have used since; NaN where the system does not report it."""
        now = self.read()
        used = (now.busy - self.start.busy) - (now.own - self.start.own)
        return (used if math.isnan(used) else max(0.0, used)) / max(now.wall - self.start.wall, 1e-9)


def is_shared(cpu_load: float, threads: int) -> bool:
    """Whether times of this many threads, taken while others used that many cores, count as shared."""
    return cpu_load > SHARED_FROM * threads


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
