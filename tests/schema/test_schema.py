"""The schema: what identifies a run, which columns are settings, and where files lie."""

from typing import Any

import pytest

from rnnbench import schema

SETTINGS: dict[str, Any] = {
    "name": "x", "seed": 3, "results_dir": "r", "device": "cpu", "threads": 1, "flush_denormals": True, "rerun": False,
    "objective": None, "tuned": None, "tuning": {"seeds": []},
    "model": {"hidden_size": 64, "parameter_budget": 500, "budget_counts": "all", "backend": "auto"},
    "train": {"steps": 5, "checkpoint_every_s": 30, "keep_weights": True}, "cell": {"_target_": "a.B", "bias": True},
    "optimizer": {"_target_": "torch.optim.Adam", "betas": [0.9, 0.99]}, "wandb": {"mode": "offline"},
    "tables": {}, "figures": {}, "report": {},
}  # fmt: skip

WHAT_IS_RUN: dict[str, Any] = {
    "seed": 3, "device": "cpu", "threads": 1, "flush_denormals": True, "model": {"hidden_size": 7, "backend": "fused"},
    "train": {"steps": 5}, "cell": {"_target_": "a.B", "bias": True},
    "optimizer": {"_target_": "torch.optim.Adam", "betas": [0.9, 0.99]},
}  # fmt: skip


def test_a_run_is_identified_by_what_can_change_its_result() -> None:
    before = repr(SETTINGS)
    assert schema.result_settings(SETTINGS, hidden_size=7, backend="fused") == WHAT_IS_RUN
    assert repr(SETTINGS) == before


def test_the_name_of_a_run_ends_in_a_hash_of_its_settings() -> None:
    # sha256 of {"lr":0.1}, its first eight digits, by `printf '{"lr":0.1}' | sha256sum`
    assert schema.run_name("gru", "adding", 3, {"lr": 0.1}) == "gru-adding-3-9c9ba942"
    one, same, other = {"a": 1, "b": [2]}, {"b": [2], "a": 1}, {"a": 1, "b": [3]}
    assert schema.settings_hash(one) == schema.settings_hash(same) != schema.settings_hash(other)


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("seed=1", True), ("task.length=5", True), ("+cell.bias=false", True),
        ("model.parameter_budget=500", True), ("name=x", False), ("wandb=disabled", False),
        ("wandb.mode=offline", False),
        ("hydra/launcher=basic", False), ("hydra.launcher.n_jobs=2", False), ("train.checkpoint_every_s=1", False),
        ("experiment=adding", False), ("table=[scores]", False), ("+tables.scores.only=x", False),
        ("rerun=true", False),
    ],
)  # fmt: skip
def test_overrides_that_change_what_is_run(override: str, changes: bool) -> None:
    assert schema.changes_what_is_run(override) is changes
