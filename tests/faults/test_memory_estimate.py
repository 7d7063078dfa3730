"""The estimate of a run's memory against the peak of a process that executes it."""

import subprocess
import sys
from pathlib import Path

import pytest

MEASURED = """
import resource, sys
from pathlib import Path
import torch
from hydra import compose, initialize_config_dir
from rnnbench.runs.build import build_run
from rnnbench.cli.menu import configuration_directory
from rnnbench.cli.configuration import settings_of
from rnnbench.recorders import RunFolder
from rnnbench.training.memory import estimate

torch.set_num_threads(1)
with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
    settings = settings_of(compose("config", overrides=sys.argv[2:]))
run = build_run(settings)
batch = next(run.task.training_batches(1, torch.Generator()))
run.task.mean_loss(run.model.predict(batch), batch).backward()  # libraries load and compile
run.model.zero_grad()
needed = estimate(run.model, run.task, run.settings).total
before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
folder = RunFolder(Path(sys.argv[1]))
folder.start({}, {"status": "running"})
run.execute(folder, lambda progress: [])
print(needed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
"""

RUNS = {
    "batch": ("cell=gru", "task.length=200", "train.batch_size=3000"),
    "held out": ("cell=rnn", "task=copy_memory", "task.length=300", "train.eval_examples=15000"),
    "two layers": ("cell=lstm_peephole", "task=xor", "task.length=400", "model.layers=2"),
    "eager": ("cell=gru", "model.backend=eager", "task.length=100", "train.batch_size=1500"),
    "torch": ("cell=lstm", "model.backend=torch", "task.length=200", "model.hidden_size=200", "train.batch_size=200"),
}


@pytest.mark.faults
@pytest.mark.parametrize("settings", RUNS.values(), ids=RUNS)
def test_the_estimate_is_right_to_within_a_factor_of_2(tmp_path: Path, settings: tuple[str, ...]) -> None:
    short = ("train.steps=2", "train.confirm_examples=10", "probe=[]", "wandb=disabled")
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "run"), *short, *settings],
        capture_output=True,
        text=True,
        check=True,
    )
    needed, measured = map(int, ended.stdout.split())
    assert measured > 100 * 2**20  # otherwise libraries are measured
    assert measured / 2 < needed < 2 * measured
