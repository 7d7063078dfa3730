"""A sweep that tunes a setting on seeds of its own: its stages, launched once, half done, and launched again."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from rnnbench.runs.tuning import TuningSettings, TuningStages
from tests.analysis.made import results
from tests.cli.conftest import SMALL, Command

RATES = ("1e-3", "3e-3", "1e-2")
DECLARED = [[f"cell={cell}", f"optimizer.lr={rate}", f"seed={seed}"]
            for cell in ("rnn", "gru") for rate in RATES for seed in (10, 11)]  # fmt: skip


BY_STEPS = TuningSettings(seeds=(0, 1), extend=2, by="steps_to_solve")


def stages(steps: dict[tuple[str, float], float], unknown: str = "") -> list[list[str]]:
    """The jobs of each stage where the runs take these steps; of the runs that are `unknown` none has ended."""
    jobs: list[list[str]] = []
    found, tuned = [], TuningStages(DECLARED, "optimizer.lr", BY_STEPS)
    for said, of_stage in tuned.stages(partial(ended, jobs, steps, unknown)):
        jobs.extend(of_stage)
        found.append([" ".join(job) for job in of_stage] + [line for line in said if unknown and unknown in line])
    return found


def ended(jobs: list[list[str]], steps: dict[tuple[str, float], float], unknown: str) -> pd.DataFrame:
    """Runs of these jobs, with steps to solve by cell and rate; those of -1 steps diverge."""
    rows = []
    for job in jobs:
        swept = dict(override.split("=") for override in job)
        rate, seed = float(swept["optimizer.lr"]), int(swept["seed"])
        taken = steps.get((swept["cell"], rate), np.nan)
        own = {"cell": swept["cell"], "seed": seed, "optimizer.lr": rate, "steps_to_solve": taken, "of": tuple(job)}
        if not (unknown and unknown in job and seed == 1):
            rows.append(own | ({"status": "diverged", "steps_to_solve": 10.0} if taken == -1 else {}))
    return results(*rows).runs.rename(columns={"of": "job"})


def test_the_grid_at_the_tuning_seeds_then_beyond_its_edges_then_what_is_reported() -> None:
    """The GRU is best at the upper edge, and beyond it again; the RNN at the lower edge, and not below."""
    steps = {("gru", 1e-2): 100.0, ("gru", 3e-2): 50.0, ("gru", 1e-1): 70.0, ("rnn", 1e-3): 200.0}
    first, beyond, again, reported = stages(steps)
    assert len(first) == 12
    assert first[:2] == ["cell=rnn optimizer.lr=1e-3 seed=0", "cell=rnn optimizer.lr=1e-3 seed=1"]
    assert beyond == [f"cell={cell} optimizer.lr={rate} seed={seed}"
                      for cell, rate in (("rnn", 0.0003), ("gru", 0.03)) for seed in (0, 1)]  # fmt: skip
    assert again == ["cell=gru optimizer.lr=0.1 seed=0", "cell=gru optimizer.lr=0.1 seed=1"]
    assert reported == [f"cell={cell} optimizer.lr={rate} seed={seed}"
                        for cell, rate in (("rnn", "1e-3"), ("gru", "0.03")) for seed in (10, 11)]  # fmt: skip


def test_what_diverges_beyond_the_edge_ends_the_extension() -> None:
    _, beyond, reported = stages({("gru", 1e-2): 100.0, ("rnn", 3e-3): 90.0, ("gru", 3e-2): -1})
    assert len(beyond) == 2
    assert "cell=gru optimizer.lr=1e-2 seed=10" in reported


def test_no_choice_before_every_run_of_the_grid_has_ended() -> None:
    _, reported = stages({("gru", 1e-2): 100.0, ("rnn", 3e-3): 90.0}, unknown="cell=gru")
    line = "cell=gru: no choice of optimizer.lr yet, since not all runs of it are done"
    assert reported == [*(f"cell=rnn optimizer.lr=3e-3 seed={seed}" for seed in (10, 11)), line]


SWEEP = (
    "-m", *SMALL, "hydra/launcher=parallel", "hydra/sweeper=union", "tuned=optimizer.lr", "tuning.seeds=[0,1]",
    "tuning.extend=1", "tuning.by=validation_loss", "optimizer.lr=1e-3,1e-2", "seed=10,11", "cell=gru",
    "task.length=6", "name=rates", "model.backend=eager", "probe=[costs]",
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
