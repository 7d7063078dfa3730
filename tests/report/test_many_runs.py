"""The report over many runs takes time and memory in proportion; docs/scale.md has what 5,000 of them take."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.many_runs import write_runs

RUNS = 200
# The peak from /proc rather than getrusage, whose peak begins with that of the parent.
CODE = r"""
import json, re, sys, time
from rnnbench.cli.report import report
started = time.process_time()
report(sys.argv[1:])
peak = int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"seconds": time.process_time() - started, "kib": peak}))
"""


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
    cost = json.loads(done.stdout.splitlines()[-1])
    # Measured on two cores: 9 s and 720 MiB, most of it imports and figures, which more runs do not add to.
    assert cost["seconds"] < 30
    assert cost["kib"] < 900 * 1024
    assert len((tmp_path / "many" / "runs.csv").read_text().splitlines()) == RUNS + 1
