"""Unions of products: which jobs they are, and that Hydra runs them by every launcher."""

import json
from pathlib import Path

from rnnbench.cli.sweeper import swept_jobs
from tests.cli.conftest import SMALL, Command

SHORT = (*SMALL, "model.backend=eager")


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
