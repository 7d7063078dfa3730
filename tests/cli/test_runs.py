"""Runs, sweeps and reports as a user meets them."""

import html
import json
import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from rnnbench.cli.arguments import LISTS
from rnnbench.cli.job import launched_side_by_side
from rnnbench.cli.launches import write_plan
from rnnbench.cli.menu import GROUPS, choices, menu
from rnnbench.runs.catalogue import configuration_directory
from rnnbench.schema import EMPTY, Status, settings_hash
from rnnbench.store.reader import PlannedJob
from rnnbench.training import Run
from tests.cli.conftest import SMALL, Command

SHORT = (*SMALL, "task.length=6")


def summaries(root: Path, name: str = "default") -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(root.glob(f"results/{name}/runs/*/summary.json"))]


def test_run_leaves_a_folder_that_describes_itself(rnnbench: Command, tmp_path: Path) -> None:
    code, _, errors = rnnbench(*SHORT, "cell=lstm", "seed=3")
    assert code == 0, errors
    (folder,) = tmp_path.glob("results/default/runs/lstm-*")
    config, summary = (json.loads((folder / name).read_text()) for name in ("config.json", "summary.json"))
    assert folder.name == f"lstm-adding-3-{settings_hash(config)}"
    assert (summary["status"], summary["cell"], summary["task"], summary["seed"]) == ("done", "lstm", "adding", 3)
    assert summary["command_line"].startswith("rnnbench model.hidden_size=4")
    history = pd.read_csv(folder / "history.csv")
    assert history["step"].tolist() == [0, 1, 2, 4]
    assert history["validation_loss"].notna().tolist() == [True, False, True, True]
    assert summary["validation_loss"] == history["validation_loss"].iloc[-1]
    with np.load(folder / "gradient_profile.npz") as profile:
        assert profile["step"].tolist() == [0, 1, 2, 4]
        assert (profile["norm"].shape, profile["norm_by_state"].shape) == ((4, 1, 6), (4, 1, 2, 6))
    assert not (folder / "checkpoint.pt").exists()


def test_same_command_gives_the_same_numbers(rnnbench: Command, tmp_path: Path) -> None:
    for results in ("one", "two"):
        assert rnnbench(*SHORT, f"results_dir={results}")[0] == 0
    one, two = (next((tmp_path / name).glob("default/runs/*/history.csv")).read_bytes() for name in ("one", "two"))
    assert one == two


def test_run_that_is_done_is_not_done_again(rnnbench: Command, tmp_path: Path) -> None:
    rnnbench(*SHORT)
    (before,) = summaries(tmp_path)
    code, _, errors = rnnbench(*SHORT, "train.checkpoint_every_s=5")
    assert (code, "done before" in errors) == (0, True)
    assert summaries(tmp_path) == [before]
    (folder,) = tmp_path.glob("results/default/runs/[!.]*")
    (folder / "wandb-address.txt").write_text("https://of.the/former/copy\n")
    assert rnnbench(*SHORT, "rerun=true")[0] == 0
    assert not (folder / "wandb-address.txt").exists()
    (again,) = summaries(tmp_path)
    assert again["test_loss"] == before["test_loss"]
    assert again["wall_time_s"] != before["wall_time_s"]


def test_failing_run_does_not_stop_the_sweep(rnnbench: Command, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "cell").mkdir(parents=True)
    (own / "broken_cell.py").write_text(
        "from rnnbench.cells.rnn import Rnn\n\n\n"
        "class BrokenCell(Rnn):\n"
        "    def step(self, x, state):\n"
        "        if len(x) == 3:\n"
        "            raise RuntimeError('no batch of three')\n"
        "        return super().step(x, state)\n"
    )
    (own / "cell" / "broken_cell.yaml").write_text("_target_: broken_cell.BrokenCell\n")
    code, output, errors = rnnbench(
        "-m", "--config-dir", str(own), *SHORT, "cell=broken_cell,rnn", "model.backend=eager"
    )
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n")
    assert "failed (RuntimeError: no batch of three; see its traceback.txt)" in errors
    (folder,) = tmp_path.glob("results/default/runs/broken_cell-*")
    assert "no batch of three" in (folder / "traceback.txt").read_text()


def test_a_failed_run_leaves_what_it_reached(rnnbench: Command, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "task").mkdir(parents=True)
    (own / "broken_task.py").write_text(
        "from itertools import islice\n\n"
        "from rnnbench.tasks import Milestone\nfrom rnnbench.tasks.adding import Adding\n\n\n"
        "class BrokenTask(Adding):\n"
        "    milestones = (Milestone('start', 'any loss', 'none', 'loss', 1e9),)\n\n"
        "    def training_batches(self, batch_size, generator):\n"
        "        yield from islice(super().training_batches(batch_size, generator), 3)\n"
        "        raise RuntimeError('no fourth batch')\n"
    )
    (own / "task" / "broken_task.yaml").write_text("_target_: broken_task.BrokenTask\nlength: 6\n")
    assert rnnbench("--config-dir", str(own), *SHORT, "task=broken_task")[0] == 1
    (folder,) = tmp_path.glob("results/default/runs/gru-broken_task-*")
    summary, history = json.loads((folder / "summary.json").read_text()), pd.read_csv(folder / "history.csv")
    assert (summary["status"], summary["steps_trained"], summary["steps_to_start"]) == ("failed", 3, 0)
    assert history["step"].tolist() == [0, 1, 2]
    assert summary["validation_loss"] == history["validation_loss"].iloc[-1]
    assert not set(EMPTY[Status.FAILED]) & set(summary)


def test_diverged_run_is_a_result(rnnbench: Command, rnnbench_report: Command, tmp_path: Path) -> None:
    settings = (
        "optimizer=sgd",
        "optimizer.lr=1e30",
        "train.gradient_clip_norm=null",
        "cell=rnn",
        "cell.activation=relu",
    )
    code, _, errors = rnnbench(*SHORT, *settings)
    assert (code, ": diverged at step" in errors) == (0, True)
    (summary,) = summaries(tmp_path)
    assert summary["status"] == "diverged"
    assert "test_loss" not in summary
    code, output, _ = rnnbench_report("name=default")
    assert code == 0
    assert "1 (1 diverged)" in output


def test_own_cell_and_task_from_outside(rnnbench: Command, rnnbench_report: Command, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for group in ("cell", "task"):
        (own / group).mkdir(parents=True)
    (own / "leaky.py").write_text(
        "import torch\nfrom rnnbench.cells import Cell\n\n\n"
        "class Leaky(Cell):\n"
        "    def __init__(self, input_size, hidden_size, leak: float = 0.5):\n"
        "        super().__init__(input_size, hidden_size)\n"
        "        self.leak = leak\n"
        "        self.W, self.U = self.input_map(), self.recurrent_map()\n\n"
        "    def step(self, x, state):\n"
        "        (h,) = state\n"
        "        return (self.leak * h + (1 - self.leak) * torch.tanh(self.W(x) + self.U(h)),)\n"
    )
    (own / "cell" / "leaky.yaml").write_text("# A leaky cell.\n_target_: leaky.Leaky\nleak: 0.5\n")
    (own / "first.py").write_text(
        "import torch\nfrom tasks import Batch, Task\n\n\n"
        "class First(Task):\n"
        "    input_size = output_size = 1\n"
        "    baseline_loss = 1.0\n\n"
        "    def __init__(self, length: int = 5):\n"
        "        self.length = length\n\n"
        "    def draw(self, batch_size, generator):\n"
        "        values = torch.randn(self.length, batch_size, 1, generator=generator)\n"
        "        return Batch(values, values[:1])\n\n"
        "    def step_losses(self, outputs, targets):\n"
        "        return (outputs - targets).square().squeeze(2)\n\n"
        "    def correct(self, outputs, batch):\n"
        "        return (outputs - batch.targets).abs().amax(dim=(0, 2)) < 0.1\n"
    )
    (own / "task" / "first.yaml").write_text("# Recall the first number.\n_target_: first.First\nlength: 5\n")
    options = ("--config-dir", str(own))
    assert rnnbench("-m", *options, *SMALL, "cell=leaky,gru", "task=first")[0] == 0
    _, output, _ = rnnbench_report(*options, "name=default")
    assert "first, length 5" in output
    assert " leaky " in output
    (folder,) = tmp_path.glob("results/default/runs/leaky-first-*")
    assert (folder / "gradient_profile.npz").exists()
    assert "A leaky cell." in rnnbench(*options, "--help")[1]


def test_experiment_sweeps_by_itself_and_yields_to_the_command_line(rnnbench: Command, tmp_path: Path) -> None:
    small = ("task.length=6", "train.steps=2", "hydra/launcher=basic")
    code, output, errors = rnnbench("experiment=quickstart", *SMALL[:1], *SMALL[3:], *small, "cell=rnn,gru", "seed=5")
    assert (code, output) == (0, "4 runs: 4 done\n"), errors
    found = {(summary["cell"], summary["task"], summary["seed"]) for summary in summaries(tmp_path, "quickstart")}
    assert found == {(cell, task, 5) for cell in ("rnn", "gru") for task in ("adding", "copy_memory")}


def test_parallel_sweep_equals_one_after_the_other(rnnbench: Command, tmp_path: Path) -> None:
    # The workers may be an earlier test's, which have its folder as theirs.
    sweep = ("-m", *SHORT, "seed=0,1", f"results_dir={tmp_path}/results")
    assert rnnbench(*sweep, "name=one")[0] == 0
    assert rnnbench(*sweep, "name=two", "hydra/launcher=parallel", "hydra.launcher.n_jobs=2")[0] == 0
    histories = {
        name: {path.parent.name: path.read_bytes() for path in tmp_path.glob(f"results/{name}/runs/*/history.csv")}
        for name in ("one", "two")
    }
    assert len(histories["one"]) == 2
    assert histories["one"] == histories["two"]
    assert [run["times_shared"] for run in summaries(tmp_path, "two")] == [True, True]


@pytest.mark.parametrize(
    ("launcher", "jobs", "side_by_side"),
    [
        ({"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}, 2, False),
        ({"_target_": "hydra_plugins.rnnbench_plugins.ParallelLauncher", "n_jobs": -1}, 2, True),
        ({"_target_": "hydra_plugins.rnnbench_plugins.ParallelLauncher", "n_jobs": -1}, 1, False),
        ({"_target_": "hydra_plugins.rnnbench_plugins.ParallelLauncher", "n_jobs": 1}, 2, False),
        ({"_target_": "hydra_plugins.rnnbench_plugins.DaskLauncher", "address": None, "n_workers": 1}, 2, False),
        ({"_target_": "hydra_plugins.rnnbench_plugins.DaskLauncher", "address": None, "n_workers": 2}, 2, True),
        ({"_target_": "hydra_plugins.rnnbench_plugins.DaskLauncher", "address": "a", "n_workers": 1}, 2, True),
        ({"_target_": "hydra_plugins.rnnbench_plugins.RayLauncher", "num_cpus": 2, "cpus_per_run": 2}, 2, False),
        ({"_target_": "hydra_plugins.rnnbench_plugins.RayLauncher", "num_cpus": 2, "cpus_per_run": 1}, 2, True),
        ({"_target_": "hydra_plugins.rnnbench_plugins.RayLauncher", "num_cpus": None, "cpus_per_run": 1}, 2, True),
        ({"_target_": "somewhere.else.ClusterLauncher"}, 2, True),
    ],
)
def test_which_launchers_run_side_by_side(
    tmp_path: Path, launcher: dict[str, object], jobs: int, side_by_side: bool
) -> None:
    write_plan(tmp_path, [PlannedJob((f"seed={job}",)) for job in range(jobs)])
    assert launched_side_by_side(OmegaConf.create(launcher), tmp_path) is side_by_side


def test_help_names_every_choice(rnnbench: Command) -> None:
    code, output, _ = rnnbench("--help")
    assert code == 0
    for group in GROUPS:
        for name, comment in choices(group, [configuration_directory()]).items():
            assert comment, f"{group}/{name}.yaml starts with no comment"
            assert f"  {name:<22} {comment}" in output
    assert "train.steps=2000" in output


@pytest.mark.parametrize("group", ["cell", "task", "optimizer", "schedule", "probe", "table", "figure"])
def test_help_has_the_settings_of_every_choice(group: str) -> None:
    lines = menu([configuration_directory()]).partition(f"\n{group}: ")[2].splitlines()
    for path in (configuration_directory() / group).glob("*.yaml"):
        below = lines[next(at for at, line in enumerate(lines) if line.startswith(f"  {path.stem} ")) + 1 :]
        listed = [line.split("=")[0].strip() for line in takewhile(lambda line: line.startswith("    "), below)]
        prefix = f"{group}s.{path.stem}" if group in LISTS else group
        own = [f"{prefix}.{key}" for key in OmegaConf.load(path) if key != "_target_"]
        assert listed == (own if (group, path.stem) != ("schedule", "none") else [])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_every_optimizer_trains(rnnbench: Command, tmp_path: Path, optimizer: str) -> None:
    assert rnnbench(*SHORT, f"optimizer={optimizer}")[0] == 0
    (summary,) = summaries(tmp_path)
    assert summary["steps_trained"] == 4


def test_threads_and_denormals_are_settings(rnnbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    train, seen = Run.train, []

    def noted(run: Run, *arguments: Any) -> Any:
        flushed = float(torch.tensor(1e-30) * torch.tensor(1e-12)) == 0
        seen.append((run.model.backend.threads, torch.get_num_threads(), flushed))
        return train(run, *arguments)

    monkeypatch.setattr(Run, "train", noted)
    assert rnnbench(*SHORT, "threads=2", "flush_denormals=false", "model.backend=torch", "cell=lstm")[0] == 0
    assert rnnbench(*SHORT, "threads=2", "model.backend=fused")[0] == 0
    assert rnnbench(*SHORT, "threads=1")[0] == 0
    # torch's own threads would spin on the cores that the loops need
    assert seen == [(2, 2, False), (2, 1, True), (1, 1, True)]


def test_the_page_prints_the_command_that_makes_it_again(
    rnnbench: Command, rnnbench_report: Command, tmp_path: Path
) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    settings = "\n".join(["# @package _global_", "defaults:", "  - override /table: [comparison, scores]",
                          "  - override /figure: [cost]", "name: own_name"])  # fmt: skip
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(settings)
    options = ("--config-dir", "own", "experiment=mine")
    assert rnnbench(*options, *SHORT)[0] == 0
    assert rnnbench_report(*options)[0] == 0
    page = tmp_path / "results" / "own_name" / "report.html"
    first = page.read_text()
    page.unlink()
    (command,) = re.findall(r"^(?:.*<pre>)?(rnnbench-report .*)</pre>$", first, re.MULTILINE)
    assert rnnbench_report(*shlex.split(html.unescape(command))[1:])[0] == 0
    assert page.read_text() == first
