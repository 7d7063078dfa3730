"""The processor by samples of /proc/cpuinfo, and the load by other processes."""

import math
import os
from pathlib import Path

import pytest

from rnnbench import machine
from rnnbench.machine import CpuTimes, ExternalLoadMeter, Processor, cpu_limit, is_shared, parse_busy, parse_cpuinfo

INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8480C
stepping\t: 8
flags\t\t: fpu sse sse2 ssse3 fma avx avx2 avx512f avx512dq

processor\t: 1
cpu family\t: 7
model\t\t: 99
"""
AMD = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 23
model\t\t: 49
model name\t: AMD EPYC
flags\t\t: fpu sse sse2 fma avx f16c avx2
"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes crc32 sve
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
"""
STAT = "cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 100 20 30 4000 50 6 7 8 9 10\n"


def test_processors_of_intel_amd_and_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_cpuinfo(INTEL) == Processor("Intel(R) Xeon(R) Platinum 8480C", 6, 143, 512)
    assert parse_cpuinfo(AMD) == Processor("AMD EPYC", 23, 49, 256)
    assert str(parse_cpuinfo(AMD)) == "AMD EPYC, family 23, model 49, 256-bit vectors"
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")
    assert parse_cpuinfo(ARM) == Processor("aarch64", 0x41, 0xD40, 128)


def test_where_the_system_reports_nothing_all_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_read", lambda path: "")
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    assert machine.processor.__wrapped__() == Processor()
    assert str(Processor()) == "unknown processor"
    assert cpu_limit() is None
    meter = ExternalLoadMeter()
    assert math.isnan(meter.load())
    assert not is_shared(meter.load(), threads=1)


def test_the_smallest_limit_of_the_group_and_those_around_it(tmp_path: Path) -> None:
    inner = tmp_path / "user" / "job"
    inner.mkdir(parents=True)
    assert cpu_limit("/user/job", tmp_path) is None
    (inner / "cpu.max").write_text("max 100000\n")
    (tmp_path / "cpu.max").write_text("400000 100000\n")
    assert cpu_limit("/user/job", tmp_path) == 4
    (tmp_path / "user" / "cpu.max").write_text("150000 100000\n")
    assert cpu_limit("/user/job", tmp_path) == 1.5


def test_busy_time_by_hand() -> None:
    """All but idle and waiting for disks; guests are in the user's time already."""
    assert parse_busy(STAT) == (100 + 20 + 30 + 6 + 7 + 8) / os.sysconf("SC_CLK_TCK")
    assert math.isnan(parse_busy("intr 5\n"))


@pytest.mark.parametrize(
    ("busy", "threads", "load", "shared"),
    [
        (9.9, 1, 0.0, False),  # alone, the system's clock being coarser
        (14.0, 1, 0.4, False),  # others used less than half a core
        (16.0, 1, 0.6, True),
        (16.0, 2, 0.6, False),  # of two threads
    ],
)
def test_the_load_of_others_by_hand(busy: float, threads: int, load: float, shared: bool) -> None:
    """Over ten seconds, in which the process itself used ten."""
    times = iter([CpuTimes(100.0, 1000.0, 50.0), CpuTimes(110.0, 1000.0 + busy, 60.0)])
    measured = ExternalLoadMeter(lambda: next(times)).load()
    assert measured == pytest.approx(load)
    assert is_shared(measured, threads) is shared
