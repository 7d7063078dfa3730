"""Runs, sweeps and reports as a user meets them."""

import html
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from rnnbench.cli import dashboard, explain, report, sync
from rnnbench.cli.menu import GROUPS, choices, menu
from rnnbench.recorders import RunFolder
from rnnbench.runs.catalogue import LISTS, configuration_directory
from rnnbench.schema import EMPTY, Status, settings_hash
from rnnbench.tasks import Batch, Milestone
from rnnbench.tasks.adding import Adding
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
    assert rnnbench(*SHORT, "cell=lstm", "seed=3", "results_dir=again")[0] == 0
    (again,) = tmp_path.glob("again/default/runs/*/history.csv")
    assert again.read_bytes() == (folder / "history.csv").read_bytes()


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


def test_a_run_of_another_process_counts_as_what_it_has_come_to(rnnbench: Command, tmp_path: Path) -> None:
    assert rnnbench(*SHORT)[0] == 0
    (summary,) = tmp_path.glob("results/default/runs/*/summary.json")
    with RunFolder(summary.parent).lock() as mine:
        assert mine
        assert rnnbench(*SHORT)[0] == 0  # it has ended meanwhile
        summary.write_text(summary.read_text().replace('"done"', '"running"'))
        code, _, errors = rnnbench(*SHORT)
    assert (code, "busy (another process is at it)" in errors) == (1, True)


def test_a_failed_run_keeps_what_it_reached_and_the_sweep_continues(
    rnnbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def three_batches(task: Adding, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        yield from (task.draw(batch_size, generator) for _ in range(3))
        raise RuntimeError("no fourth batch")

    monkeypatch.setattr(Adding, "training_batches", three_batches)
    monkeypatch.setattr(Adding, "milestones", (Milestone("start", "any loss", "none", "loss", 1e9),))
    code, output, errors = rnnbench("-m", *SHORT, "task=adding,copy_memory")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n")
    assert "failed (RuntimeError: no fourth batch; see its traceback.txt)" in errors
    (folder,) = tmp_path.glob("results/default/runs/gru-adding-*")
    summary, history = json.loads((folder / "summary.json").read_text()), pd.read_csv(folder / "history.csv")
    assert (summary["status"], summary["steps_trained"], summary["steps_to_start"]) == ("failed", 3, 0)
    assert history["step"].tolist() == [0, 1, 2]
    assert summary["validation_loss"] == history["validation_loss"].iloc[-1]
    assert not set(EMPTY[Status.FAILED]) & set(summary)


def test_diverged_run_is_a_result(rnnbench: Command, rnnbench_report: Command, tmp_path: Path) -> None:
    diverging = ("optimizer=sgd", "optimizer.lr=1e30", "train.gradient_clip_norm=null", "cell=rnn_relu")
    code, _, errors = rnnbench(*SHORT, *diverging)
    assert (code, ": diverged at step" in errors) == (0, True)
    (summary,) = summaries(tmp_path)
    assert (summary["status"], "test_loss" in summary) == ("diverged", False)
    code, output, _ = rnnbench_report("name=default", "figure=[]")
    assert (code, "1 (1 diverged)" in output) == (0, True)


def test_experiment_sweeps_by_itself_and_yields_to_the_command_line(rnnbench: Command, tmp_path: Path) -> None:
    small = ("task.length=6", "train.steps=2", "hydra/launcher=basic")
    code, output, errors = rnnbench("experiment=quickstart", *SMALL[:1], *SMALL[3:], *small, "cell=rnn,gru", "seed=5")
    assert (code, output) == (0, "4 runs: 4 done\n"), errors
    found = {(summary["cell"], summary["task"], summary["seed"]) for summary in summaries(tmp_path, "quickstart")}
    assert found == {(cell, task, 5) for cell in ("rnn", "gru") for task in ("adding", "copy_memory")}


def test_help_is_a_screen_and_of_a_group_every_choice_with_its_settings(rnnbench: Command) -> None:
    whole = menu(["all"])
    assert "train.steps=2000" in whole
    texts = [menu(), whole, *(command.USAGE for command in (dashboard, explain, report, sync))]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 100
    assert len(menu().splitlines()) <= 32
    for group in GROUPS:
        for name, comment in choices(group, [configuration_directory()]).items():
            assert comment, f"{group}/{name}.yaml starts with no comment"
            text = menu([f"{group}={name}"])
            assert re.search(rf"^  {name}\s+{re.escape(comment.split()[0])}", text, re.MULTILINE)
            listed = re.findall(r"^ {4}([^ =]+)=", text, re.MULTILINE)
            if "/" in group or group in ("experiment", "wandb") or (group, name) == ("schedule", "none"):
                continue
            prefix = f"{group}s.{name}" if group in LISTS else group
            path = configuration_directory() / group / f"{name}.yaml"
            assert listed == [f"{prefix}.{key}" for key in OmegaConf.load(path) if key != "_target_"]
    assert rnnbench("--help", "tain") == (
        2,
        "",
        "rnnbench: --help tain: no such group or settings; did you mean train?\n",
    )


def test_every_optimizer_trains(rnnbench: Command, tmp_path: Path) -> None:
    assert rnnbench("-m", *SHORT, "optimizer=adam,rmsprop,sgd")[0] == 0
    assert [summary["steps_trained"] for summary in summaries(tmp_path)] == [4, 4, 4]


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
    code, _, errors = rnnbench(*options, *SHORT)
    assert (code, "next: rnnbench-report experiment=mine --config-dir=own\n" in errors) == (0, True)
    assert rnnbench_report(*options)[0] == 0
    page = tmp_path / "results" / "own_name" / "report.html"
    first = page.read_text()
    page.unlink()
    (command,) = re.findall(r"^(?:.*<pre>)?(rnnbench-report .*)</pre>$", first, re.MULTILINE)
    assert rnnbench_report(*shlex.split(html.unescape(command))[1:])[0] == 0
    assert page.read_text() == first
