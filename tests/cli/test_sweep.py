"""Unions of products: which jobs they are, and that Hydra runs them by every launcher."""

import itertools
import json
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from rnnbench.cli.configuration import settings_of
from rnnbench.cli.sweeper import sweep_of, swept_jobs
from rnnbench.runs.catalogue import configuration_directory
from tests.cli.conftest import SMALL, Command

SHORT = (*SMALL, "model.backend=eager")


def test_one_product_is_all_combinations_in_order() -> None:
    assert swept_jobs({"cell": "rnn,gru", "seed": "range(0,2)"}, {}, ["threads=2"]) == [
        ["cell=rnn", "seed=0", "threads=2"],
        ["cell=rnn", "seed=1", "threads=2"],
        ["cell=gru", "seed=0", "threads=2"],
        ["cell=gru", "seed=1", "threads=2"],
    ]


def test_a_union_by_hand() -> None:
    products = {"short": {"length": "5,10", "steps": 7}, "budget": {"length": 5, "budget": None}}
    assert swept_jobs({"seed": "0,1", "steps": "3"}, products, []) == [
        ["seed=0", "steps=7", "length=5"],
        ["seed=0", "steps=7", "length=10"],
        ["seed=1", "steps=7", "length=5"],
        ["seed=1", "steps=7", "length=10"],
        ["seed=0", "steps=3", "length=5", "budget=null"],
        ["seed=1", "steps=3", "length=5", "budget=null"],
    ]


def test_an_argument_holds_in_every_product_and_a_job_of_two_products_is_one() -> None:
    products = {"short": {"length": "5,10"}, "long": {"length": "80,160"}}
    assert swept_jobs({"seed": "0,1"}, products, ["seed=3", "length=6"]) == [["seed=3", "length=6"]]


def test_hydra_runs_a_union(rnnbench: Command, tmp_path: Path) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - override /hydra/sweeper: union\n"
        "name: mine\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n"
        "    params: {seed: '0,1'}\n"
        "    products:\n"
        "      cells: {cell: 'rnn,gru', task.length: 6}\n"
        "      longer: {cell: rnn, task.length: 8}\n"
    )
    own = ("--config-dir", str(tmp_path / "own"))
    code, output, errors = rnnbench("experiment=mine", *SHORT, *own)
    assert (code, output) == (0, "6 runs: 6 done\n"), errors
    found = sorted((tmp_path / "results" / "mine" / "runs").glob("*/config.json"))
    lengths = [(path.parent.name.split("-")[0], json.loads(path.read_text())["task"]["length"]) for path in found]
    assert sorted(lengths) == sorted([("gru", 6), ("rnn", 6), ("rnn", 8)] * 2)
    (plan,) = tmp_path.glob("results/mine/launches/*/plan.json")
    assert len(json.loads(plan.read_text())) == 6
    assert rnnbench("experiment=mine", *SHORT, *own)[1] == "6 runs: 6 done before\n"


def test_the_runs_of_the_claims() -> None:
    """Named parts, each with length, steps, initialisation, gain, budget and timed repetitions."""
    parts = [
        (100, 0, "orthogonal", 0.5, None, 0), (100, 0, "orthogonal", 1.0, None, 6),
        (100, 0, "orthogonal", 2.0, None, 0),
        (20, 2500, "default", 1.0, None, 0), (40, 2500, "default", 1.0, None, 0), (80, 2500, "default", 1.0, None, 0),
    ]  # fmt: skip
    equal_budget = (40, 2500, "default", 1.0, 4440, 0)
    by_length = [(length, 0, "orthogonal", gain, None, 0) for length in (50, 200) for gain in (0.5, 1.0, 2.0)]
    of_cell = {"rnn": [equal_budget], "lstm": [equal_budget], "gru": [equal_budget, *by_length], "gru_goodfellow": []}
    expected = [
        (cell, seed, *part) for cell, own in of_cell.items() for seed, part in itertools.product((4,), [*parts, *own])
    ]
    found = []
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        chosen = compose("config", overrides=["experiment=claims"], return_hydra_config=True)
        jobs = sweep_of(chosen)
        for job in (job for job in jobs if "seed=4" in job):
            config = compose("config", overrides=["experiment=claims", *job], return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            settings = settings_of(config)
            model, steps = settings.model, settings.train.steps
            assert (model.hidden_size, settings.train.batch_size, settings.optimizer["lr"]) == (32, 32, 5e-3)
            assert not settings.train.stop_when_solved
            found.append(
                (config.hydra.runtime.choices.cell, settings.seed, settings.task["length"], steps, model.initialisation,
                 model.recurrent_gain, model.parameter_budget, settings.probes["speed"]["repetitions"])
            )  # fmt: skip
    assert len(jobs) == 264
    assert set(found) == set(expected)
    assert len(found) == len(expected)
