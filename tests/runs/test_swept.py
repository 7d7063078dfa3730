"""What a sweep varies, in a line on each run and in its name in W&B."""

import pytest

from rnnbench.runs.swept import shared_overrides, swept_label


@pytest.mark.parametrize(
    ("varied", "label"),
    [
        ("cell=gru seed=1 optimizer.lr=0.01", "lr=0.01"),
        ("+cell.leak=2 task.length=50", "leak=2 length=50"),
        ("task.length=50 evaluation.length=60", "task.length=50 evaluation.length=60"),
        ("optimizer=sgd ~schedule wandb.tags=[a] rerun=true", "optimizer=sgd ~schedule"),
        ("task=adding", ""),
    ],
)
def test_a_run_bears_what_its_sweep_varies_and_neither_its_name_nor_its_place_says(varied: str, label: str) -> None:
    common = ["train.steps=60", "name=mine"]
    shared = shared_overrides([[*common, *varied.split()], [*common, "cell=gru", "seed=2"]])
    assert shared == ({*common, "cell=gru"} if "cell=gru" in varied else set(common))
    assert swept_label([*common, *varied.split()], shared) == label
    assert shared_overrides([]) == frozenset()
