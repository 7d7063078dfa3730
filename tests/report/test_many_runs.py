"""The report over many runs takes little memory; docs/scale.md has what 5,000 of them take, in time too."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.many_runs import write_runs

RUNS = 200
# The peak from /proc rather than getrusage, whose peak begins with that of the parent.
CODE = r"""
import re, sys
from rnnbench.cli.report import report
report(sys.argv[1:])
print(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its memory from /proc")
def test_report_over_many_runs(tmp_path: Path) -> None:
    write_runs(tmp_path / "many", RUNS)
    arguments = [
        "name=many",
        f"results_dir={tmp_path}",
        "table=[comparison,paired_differences,solvable_lengths,scores,gradient_decay]",
        "figure=[learning_curves,horizon,gradient_norms,gradient_heat_map]",
    ]
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    # Measured: 720 MiB, most of it imports and figures, which more runs do not add to.
    assert int(done.stdout.splitlines()[-1]) < 900 * 1024
    assert len((tmp_path / "many" / "runs.csv").read_text().splitlines()) == RUNS + 1
