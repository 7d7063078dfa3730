"""Every named experiment: each job of its sweep can be built, its report can be made, and it says what it costs."""

import re
from collections.abc import Iterator

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from rnnbench.cli.configuration import settings_of
from rnnbench.cli.menu import choices
from rnnbench.cli.report import components
from rnnbench.cli.sweep import sweep_of
from rnnbench.errors import SettingError
from rnnbench.runs.build import build_run
from rnnbench.runs.catalogue import configuration_directory
from rnnbench.runs.settings import Settings

DIRECTORY = configuration_directory()
EXPERIMENTS = choices("experiment", [DIRECTORY])
FULL = [name for name in EXPERIMENTS if name.endswith("_full")]


@pytest.fixture(autouse=True)
def _composing() -> Iterator[None]:
    with initialize_config_dir(str(DIRECTORY), version_base="1.3"):
        yield


def settings(experiment: str, overrides: list[str]) -> Settings:
    config = compose("config", overrides=[f"experiment={experiment}", *overrides], return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    return settings_of(config)


def sweep(experiment: str) -> list[dict[str, str]]:
    """The overrides of every job by setting."""
    jobs = sweep_of(compose("config", overrides=[f"experiment={experiment}"], return_hydra_config=True))
    return [dict(override.split("=", 1) for override in job) for job in jobs]


def jobs(experiment: str) -> list[list[str]]:
    """Every combination of cells, tasks, budgets and kinds of start, with the last value of each number."""
    crossed = ("cell", "task", "train.steps", "model.parameter_budget", "model.initialisation")
    last = {tuple(job.get(key) for key in crossed): job for job in sweep(experiment)}
    return [[f"{key}={value}" for key, value in job.items()] for job in last.values()]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_job_can_be_built(name: str) -> None:
    for job in jobs(name):
        if name.startswith("chung2014"):
            with pytest.raises(SettingError, match=r"^task\.path=data/\w+\.mat: "):
                build_run(settings(name, job))
        else:
            build_run(settings(name, job))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_its_tables_and_figures_can_be_built(name: str) -> None:
    config = compose("config", overrides=[f"experiment={name}"])
    assert components(config, "tables")
    assert components(config, "figures")
    assert config.name == name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_its_first_line_says_what_it_costs(name: str) -> None:
    if name == "quickstart":
        return
    assert re.search(r"\d+ (hours|minutes)|within minutes", EXPERIMENTS[name]), EXPERIMENTS[name]


@pytest.mark.parametrize("name", FULL)
def test_a_full_setting_has_at_least_five_seeds(name: str) -> None:
    small = name.removesuffix("_full")
    assert small in EXPERIMENTS
    if small != "speed":  # which draws nothing at random
        assert len({job["seed"] for job in sweep(name)}) >= 5


def test_every_experiment_has_both_settings() -> None:
    small = {name for name in EXPERIMENTS if not name.endswith(("_full", "_medium", "_jsb")) and name != "quickstart"}
    assert {name.removesuffix("_full") for name in FULL} == small
    assert small == {
        "adding", "chung2014", "claims", "copy_memory", "equal_budget", "gradient_flow", "gru_forms", "horizon",
        "initialisation", "learning_rate", "pathological", "speed",
    }  # fmt: skip
