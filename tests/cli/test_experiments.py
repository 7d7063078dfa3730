"""Every named experiment: each job of its sweep can be built, its report can be made, and it says what it costs."""

import re
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from rnnbench.cli.composer import settings_of
from rnnbench.cli.menu import choices
from rnnbench.cli.report import components
from rnnbench.errors import SettingError
from rnnbench.runs.build import build_run
from rnnbench.runs.catalogue import configuration_directory
from rnnbench.runs.settings import Settings
from tests.cli.conftest import sweep_of
from tests.long import long_but

DIRECTORY = configuration_directory()
EXPERIMENTS = choices("experiment", [DIRECTORY])


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


@pytest.mark.parametrize("name", long_but(("adding", "gru_forms", "quickstart"), EXPERIMENTS))
def test_every_job_can_be_built(name: str) -> None:
    needs_data = pytest.raises(SettingError, match=r"^task\.path=data/\w+\.mat: ")
    for job in jobs(name):
        with needs_data if name.startswith("chung2014") else nullcontext():
            build_run(settings(name, job))


def test_its_tables_and_figures_can_be_built_and_its_first_line_says_what_it_costs() -> None:
    for name, comment in EXPERIMENTS.items():
        config = compose("config", overrides=[f"experiment={name}"])
        assert config.name == name
        assert components(config, "tables")
        assert components(config, "figures")
        assert name == "quickstart" or re.search(r"\d+ (hours?|minutes)|within minutes", comment), comment
