"""`rnnbench-sync`: uploads the runs of a sweep to Weights & Biases, one by one, with `wandb sync`."""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rnnbench.cli.console import answer
from rnnbench.errors import SettingError
from rnnbench.schema import ENDED, ExperimentFiles, RunFiles
from rnnbench.store.atomic import DamagedFileError, write_text
from rnnbench.store.reader import read_run

USAGE = """rnnbench-sync uploads the finished runs of a sweep that Weights & Biases does not have yet.

  rnnbench-sync name=NAME              of a sweep launched with name=NAME; experiment=NAME likewise
  rnnbench-sync ... results_dir=DIR    below another folder than ./results

The exit code is 0 when W&B has every run, 1 when it does not, 2 for a wrong setting.
WANDB_API_KEY or `wandb login` gives the key."""
USED = ("name", "experiment", "results_dir")
OF_A_RUN = ("WANDB_MODE", "WANDB_RESUME", "WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SERVICE", "WANDB_SILENT")
"""Variables for a run that logs, which would change what is uploaded."""
LONGEST_S = 120  # wandb itself keeps trying for days


def main() -> None:
    """The console command."""
    answer("rnnbench-sync", "run again, it sends what is missing", USAGE, sync, USED)


def sync(arguments: list[str]) -> None:
    """Upload the runs. Raises SettingError when there are none, SystemExit(1) when W&B does not have all."""
    from rnnbench.cli.arguments import composed

    config = composed(arguments, "rnnbench-sync", USED)
    files = ExperimentFiles(Path(config.results_dir) / config.name)
    if not (runs := files.begun_runs()):
        raise SettingError(f"name={config.name}: there are no runs in {files.runs}")
    counts: Counter[str] = Counter()
    for number, run in enumerate(runs, 1):
        outcome = _upload(run.folder)
        counts[outcome.partition(" (")[0]] += 1
        print(f"[{number}/{len(runs)}] {run.name}: {outcome}", flush=True)
    print(f"{len(runs)} runs: {', '.join(f'{count} {outcome}' for outcome, count in counts.items())}")
    if set(counts) - {"uploaded", "there already"}:
        raise SystemExit(1)


def _upload(folder: Path) -> str:
    try:
        if read_run(RunFiles(folder)).summary["status"] not in ENDED:
            return "skipped (it has not ended)"
    except DamagedFileError as error:
        return f"skipped ({error.brief})"
    if not (logged := sorted(folder.glob("wandb/*run-*/*.wandb"))):
        return "skipped (it was trained with wandb=disabled; wandb=offline rerun=true logs it)"
    if (synced := logged[-1].with_name(f"{logged[-1].name}.synced")).exists():
        return "there already"
    command = [sys.executable, "-P", "-m", "wandb", "sync", "--include-online", "--", str(logged[-1].parent)]
    environment = {name: value for name, value in os.environ.items() if name not in OF_A_RUN}
    environment["WANDB_DIR"] = tempfile.gettempdir()  # for logs, which name users and folders
    try:
        ended = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"failed (W&B took longer than {LONGEST_S} s)"
    if not synced.exists():  # the exit code is 0 in any case
        return f"failed ({' '.join(ended.stderr.split('wandb: ')[-1].split())[-300:]})"
    if found := re.search(r"View run .*at (http\S+)", ended.stderr):
        write_text(RunFiles(folder).wandb_address, f"{found[1]}\n")
    return "uploaded"
