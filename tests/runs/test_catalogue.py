"""The settings composed for calls from Python are those that Hydra composes for the command line."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from rnnbench.runs.catalogue import configuration_directory, default_content, with_settings

GROUPS = ("cell", "task", "optimizer", "schedule", "wandb")
CHOICES = [
    (group, path.stem) for group in GROUPS for path in sorted((configuration_directory() / group).glob("*.yaml"))
]


def by_hydra(*overrides: str) -> object:
    """The configuration that Hydra composes, without Hydra's own part."""
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        config = compose("config", overrides=list(overrides))
    return OmegaConf.to_container(config)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_is_composed_as_by_hydra(group: str, choice: str) -> None:
    assert default_content({group: choice}) == by_hydra(f"{group}={choice}")


def test_lists_and_settings_are_composed_as_by_hydra() -> None:
    content = default_content({"probe": ["costs", "state_jacobian"], "table": "scores", "cell": "lstm"})
    content = with_settings(content, {"train.steps": 5, "task": {"length": 7}, "cell.forget_bias": 2.0})
    hydra = by_hydra("probe=[costs,state_jacobian]", "table=[scores]", "cell=lstm", "train.steps=5", "task.length=7",
                     "cell.forget_bias=2.0")  # fmt: skip
    assert content == hydra


def test_a_folder_of_the_user_comes_first(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "gru.yaml").write_text("_target_: mine.Gru\n")
    assert default_content({"cell": "gru"}, [tmp_path])["cell"] == {"_target_": "mine.Gru"}
