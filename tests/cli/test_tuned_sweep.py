"""A sweep that tunes a setting on seeds of its own: its stages, launched once, half done, and launched again."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnbench.runs.tuning import TuningStages
from tests.analysis.made import results
from tests.cli.conftest import SMALL, Command

RATES = ("1e-3", "3e-3", "1e-2")
DECLARED = [[f"cell={cell}", f"optimizer.lr={rate}", f"seed={seed}"]
            for cell in ("rnn", "gru") for rate in RATES for seed in (10, 11)]  # fmt: skip


def stages() -> TuningStages:
    return TuningStages(DECLARED, "optimizer.lr", [0, 1], 2, "steps_to_solve")


def ended(jobs: list[list[str]], steps: dict[tuple[str, float], float], **more: Any) -> pd.DataFrame:
    """Runs of these jobs, with steps to solve by cell and rate."""
    rows = []
    for job in jobs:
        swept = dict(override.split("=") for override in job)
        rate = float(swept["optimizer.lr"])
        taken = steps.get((swept["cell"], rate), np.nan)
        own = {"cell": swept["cell"], "seed": int(swept["seed"]), "optimizer.lr": rate, "steps_to_solve": taken}
        rows.append({**own, "of": tuple(job), **more})
    table = results(*rows).runs
    return table.rename(columns={"of": "job"})


def values(jobs: list[list[str]]) -> list[str]:
    return [" ".join(job) for job in jobs]


def test_the_grid_at_the_tuning_seeds_then_beyond_its_edges_then_what_is_reported() -> None:
    """The GRU is best at the upper edge, and beyond it again; the RNN at the lower edge, and not below."""
    steps = {("gru", 1e-2): 100.0, ("gru", 3e-2): 50.0, ("gru", 1e-1): 70.0, ("rnn", 1e-3): 200.0}
    staged = stages()
    jobs = staged.first()
    assert len(jobs) == 12
    assert values(jobs)[:2] == ["cell=rnn optimizer.lr=1e-3 seed=0", "cell=rnn optimizer.lr=1e-3 seed=1"]
    beyond = staged.extensions(ended(jobs, steps))
    assert values(beyond) == [f"cell={cell} optimizer.lr={rate} seed={seed}"
                              for cell, rate in (("rnn", 0.0003), ("gru", 0.03)) for seed in (0, 1)]  # fmt: skip
    jobs += beyond
    beyond = staged.extensions(ended(jobs, steps))
    assert values(beyond) == ["cell=gru optimizer.lr=0.1 seed=0", "cell=gru optimizer.lr=0.1 seed=1"]
    jobs += beyond
    assert staged.extensions(ended(jobs, steps)) == []
    reported, unknown = staged.reported(ended(jobs, steps))
    assert values(reported) == [f"cell={cell} optimizer.lr={rate} seed={seed}"
                                for cell, rate in (("rnn", "1e-3"), ("gru", "0.03")) for seed in (10, 11)]  # fmt: skip
    assert unknown == []


def test_what_diverges_beyond_the_edge_ends_the_extension() -> None:
    staged = stages()
    jobs = staged.first()
    steps = {("gru", 1e-2): 100.0, ("rnn", 3e-3): 90.0}
    beyond = staged.extensions(ended(jobs, steps))
    lost = ended(beyond, {("gru", 3e-2): 10.0}, status="diverged")
    both = pd.concat([ended(jobs, steps), lost])
    assert staged.extensions(both) == []
    assert "cell=gru optimizer.lr=1e-2 seed=10" in values(staged.reported(both)[0])


def test_no_choice_before_every_run_of_the_grid_has_ended() -> None:
    staged = stages()
    jobs = staged.first()
    runs = ended(jobs, {("gru", 1e-2): 100.0, ("rnn", 3e-3): 90.0})
    half = runs[(runs["cell"] == "rnn") | (runs["seed"] == 0)]
    assert staged.extensions(half) == []
    reported, (line,) = staged.reported(half)
    assert values(reported) == [f"cell=rnn optimizer.lr=3e-3 seed={seed}" for seed in (10, 11)]
    assert line == "cell=gru: no choice of optimizer.lr yet, since not all runs of it are done"


SWEEP = (
    "-m", *SMALL, "hydra/sweeper=union", "tuned=optimizer.lr", "tuning.seeds=[0,1]", "tuning.extend=1",
    "tuning.by=validation_loss", "optimizer.lr=1e-3,1e-2", "seed=10,11", "cell=gru", "task.length=6", "name=rates",
    "model.backend=eager", "probe=[costs]",
)  # fmt: skip


def launched(root: Path) -> list[tuple[float, int]]:
    """Rate and seed of every run."""
    configs = [json.loads(path.read_text()) for path in root.glob("runs/*/config.json")]
    return sorted((config["optimizer"]["lr"], config["seed"]) for config in configs)


def test_one_launch_does_all_stages_and_half_of_it_again_what_is_missing(
    rnnbench: Command, rnnbench_report: Command, tmp_path: Path
) -> None:
    """Two rates on two seeds, the better is an edge, so a third; then two seeds to be reported."""
    root = tmp_path / "results" / "rates"
    code, output, errors = rnnbench(*SWEEP)
    assert (code, output) == (0, "8 runs: 8 done\n"), errors
    before = launched(root)
    assert [seed for _, seed in before].count(0) == 3
    ((chosen, _), *_) = reported = [run for run in before if run[1] >= 10]
    assert reported == [(chosen, 10), (chosen, 11)]
    (plan,) = root.glob("launches/*/plan.json")
    assert len(json.loads(plan.read_text())) == 8
    for path in [*root.glob("runs/gru*-1-*"), *root.glob("runs/gru*-10-*")]:  # as a kill in the second stage leaves it
        shutil.rmtree(path)
    code, output, errors = rnnbench(*SWEEP)
    assert (code, output) == (0, "8 runs: 4 done before, 4 done\n"), errors
    assert launched(root) == before
    tuned = ("tuned=optimizer.lr", "tuning.seeds=[0,1]", "tuning.by=validation_loss")
    code, output, errors = rnnbench_report("name=rates", *tuned, "table=tuned_settings", "figure=cost")
    assert code == 0, errors
    sidecar = json.loads((root / "tuned_settings.json").read_text())
    assert (sidecar["seeds"], sidecar["missing"]) == ([10, 11], [])
    (row,) = pd.read_csv(root / "tuned_settings.csv").to_dict("records")
    assert (row["chosen"], row["objective"], row["reported_seeds_apart"]) == (chosen, "validation_loss", True)


def test_a_sweep_that_cannot_be_tuned_so_starts_nothing(rnnbench: Command, tmp_path: Path) -> None:
    for change, message in (
        ("hydra/sweeper=basic", "tuning.seeds=[0, 1]: needs hydra/sweeper=union"),
        ("seed=1,2", "seed=1: is one of tuning.seeds=[0, 1]"),
        ("tuning.by=speed", "tuning.by=speed: must be validation_loss or a column of steps"),
    ):
        sweep = [word for word in SWEEP if word.partition("=")[0] != change.partition("=")[0]]
        code, _, errors = rnnbench(*sweep, change)
        assert code == 2, errors
        assert errors.startswith(f"rnnbench: {message}")
    assert not list(tmp_path.glob("results/*/runs"))
