"""The report over many runs takes little memory; docs/scale.md has what 5,000 of them take, in time too."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.conftest import writing_runs

CELLS, LENGTHS, SEEDS = ("rnn", "lstm", "gru", "gru_torch", "min_gru"), (25, 50, 100, 200), range(10)
# The peak from /proc rather than getrusage, whose peak begins with that of the parent.
CODE = r"""
import sys
from rnnbench.cli.report import report
report(sys.argv[1:])
print(open("/proc/self/status").read())
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its memory from /proc")
def test_report_over_many_runs(tmp_path: Path) -> None:
    write = writing_runs(tmp_path / "many")
    for cell in CELLS:
        for length in LENGTHS:
            for seed in SEEDS:
                losses = {step: 0.9**step for step in range(60)}
                write(cell, seed, losses, length=length, validation_loss=losses[59])
    arguments = [
        "name=many",
        f"results_dir={tmp_path}",
        "table=[comparison,paired_differences,solvable_lengths,scores,gradient_decay]",
        "figure=[learning_curves,horizon,gradient_norms,gradient_heat_map]",
    ]
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert int(peak) < 900 * 1024  # measured: 720 MiB, most of it imports and figures, which more runs do not add to
    assert len((tmp_path / "many" / "runs.csv").read_text().splitlines()) == 200 + 1
