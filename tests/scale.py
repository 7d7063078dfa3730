"""How long planning, skipping and reporting take for many runs: `python tests/scale.py RUNS ...`.

It makes an experiment of so many runs, writing each run folder as a run does with the numbers of a short real one,
takes a few away, and measures commands of the installed rnnbench. It prints a row for each number of runs:

- plan: from the start of the sweep until the first missing run starts
- skip: the sweep when every run is done
- report, again: the report on the run folders alone, and once more with what the first one left

of the processor's seconds, which say little of other load, and the peak of resident memory.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from hydra import compose, initialize_config_dir

from rnnbench.cli.composer import settings_of
from rnnbench.cli.launches import write_outcome, write_plan
from rnnbench.recorders import RunFolder
from rnnbench.runs.catalogue import configuration_directory
from rnnbench.runs.settings import Settings
from rnnbench.schema import ExperimentFiles, JobStatus, run_name
from rnnbench.store.reader import JobOutcome, PlannedJob

CELLS = ("rnn", "lstm", "gru", "gru_no_bias", "gru_goodfellow")
MISSING = 10
"""How many runs are taken away; a tenth of a hundred runs or less."""
SETTINGS = ("train.steps=200", "train.eval_every=20", "train.eval_examples=50", "train.batch_size=8", "wandb=disabled",
            "task.length=20",
            "model.hidden_size=8", "name=scale")  # fmt: skip
RNNBENCH = "from rnnbench.cli.main import main; main()"
REPORT = "from rnnbench.cli.report import main; main()"


def make(results: Path, seeds: range) -> None:
    """Write the run folders of the whole sweep, and the plan and outcomes of its launch."""
    launch = results / "scale" / "launches" / "20260101-000000-000000"
    jobs = [[*SETTINGS, f"cell={cell}", f"seed={seed}"] for cell in CELLS for seed in seeds]
    for number, job in enumerate(jobs):
        write_outcome(launch, number, JobOutcome(job, JobStatus.DONE, f"run-{number}"))
    write_plan(launch, [PlannedJob(tuple(job)) for job in jobs])
    with tempfile.TemporaryDirectory() as scratch:
        one = [*SETTINGS, f"results_dir={scratch}"]
        command(RNNBENCH, ["-m", *one, f"cell={','.join(CELLS)}"], Path(scratch))
        made = {path.name.partition("-")[0]: path for path in Path(scratch).glob("scale/runs/[!.]*")}
        with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
            for cell in CELLS:
                settings = settings_of(compose("config", overrides=[*SETTINGS, f"cell={cell}"]))
                copy_run(made[cell], settings, cell, results, seeds)


def copy_run(template: Path, settings: Settings, cell: str, results: Path, seeds: Sequence[int]) -> None:
    """Write the run of each seed, with the template's history and arrays and other losses."""
    summary, config = (json.loads((template / name).read_text()) for name in ("summary.json", "config.json"))
    summary.pop("files", None)
    for seed in seeds:
        own = settings.model_copy(update={"seed": seed})
        content = own.result_settings(config["model"]["hidden_size"], config["model"]["backend"])
        folder = RunFolder(results / settings.name / "runs" / run_name(cell, "adding", seed, content))
        shutil.copytree(template, folder.path)
        moved = {"test_loss": summary["test_loss"] * (1 + seed / 1000), "run": folder.name, "seed": seed}
        folder.start(content, summary | moved)
        folder.finish(summary | moved)


def command(program: str, arguments: Sequence[str], folder: Path, until: Sequence[Path] = ()) -> tuple[float, float]:
    """Run a command; its processor's seconds (until one of these files is there, if some are named) and MiB at most."""
    seen: float | None = None
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=folder, stdout=log, stderr=log)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if seen is None and any(path.exists() for path in until):
                seen = sum(psutil.Process(process.pid).cpu_times()[:2])
            if ended:
                break
            time.sleep(0.02)
    took = seen if until else usage.ru_utime + usage.ru_stime
    if status or took is None:
        raise SystemExit((folder / "log.txt").read_text())
    return took, usage.ru_maxrss / 1024


def measure(runs: int, root: Path) -> str:
    """A row of the table."""
    results = root / "results"
    os.fsync = lambda file: None  # a machine that crashes may lose these runs
    seeds = range(runs // len(CELLS))
    make(results, seeds)
    launch = ["-m", *SETTINGS, f"cell={','.join(CELLS)}", f"seed=range(0,{len(seeds)})"]
    files = ExperimentFiles(results / "scale")
    folders = sorted(results.glob("scale/runs/gru_goodfellow-*"))[: min(MISSING, runs // 10)]
    for folder in folders:
        shutil.rmtree(folder)
    timed = [command(RNNBENCH, launch, root, until=[folder / "summary.json" for folder in folders])]
    timed.append(command(RNNBENCH, launch, root))
    for folder in (files.folder, files.data, files.figures):
        for path in folder.glob("*.*"):
            path.unlink()
    timed.append(command(REPORT, ["name=scale"], root))
    timed.append(command(REPORT, ["name=scale"], root))
    return " | ".join([f"| {runs:,}", *(f"{seconds:.1f} s, {mib:.0f} MiB" for seconds, mib in timed)]) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="+")
    print("| runs | plan | skip | report | again |\n| --- | --- | --- | --- | --- |")
    for number in parser.parse_args().runs:
        with tempfile.TemporaryDirectory() as scratch:
            print(measure(number, Path(scratch)), flush=True)
