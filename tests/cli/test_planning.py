"""The planner: names as Hydra's whole composition gives them, unions of products, and nothing done is submitted."""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig

from rnnbench.cli.composer import Composer, settings_of
from rnnbench.cli.menu import choices
from rnnbench.cli.sweeper import swept_jobs
from rnnbench.errors import SettingError
from rnnbench.runs.catalogue import configuration_directory
from rnnbench.runs.settings import Settings
from tests.cli.conftest import SMALL, Command, sweep_of
from tests.long import long_but

DIRECTORY = configuration_directory()
SHORT = (*SMALL, "task.length=6", "model.backend=eager")


@pytest.fixture
def composing() -> Iterator[None]:
    with initialize_config_dir(str(DIRECTORY), version_base="1.3"):
        yield


def composer(*arguments: str) -> tuple[Composer, DictConfig]:
    """The composer of a sweep, and the sweep's own configuration."""
    loader: Any = GlobalHydra.instance().config_loader()
    master = compose("config", overrides=list(arguments), return_hydra_config=True)
    return Composer(master, loader), master


def as_hydra_does(master: DictConfig, job: list[str]) -> tuple[dict[str, Any], str, str]:
    """Settings, cell and task of a job that Hydra composes."""
    loader: Any = GlobalHydra.instance().config_loader()
    config = loader.load_sweep_config(master, job)
    HydraConfig.instance().set_config(config)
    found = config.hydra.runtime.choices
    return settings_of(config).model_dump(mode="json"), found.cell, found.task


def as_planned(composer: Composer, job: list[str]) -> tuple[dict[str, Any], str, str]:
    composed = composer.compose(job)
    settings = Settings.from_content(composed.content)
    return settings.model_dump(mode="json"), composed.choices["cell"], composed.choices["task"]


@pytest.mark.usefixtures("composing")
@pytest.mark.parametrize("experiment", long_but(("adding", "claims"), choices("experiment", [DIRECTORY])))
def test_the_jobs_of_every_experiment_are_as_hydra_composes_them(experiment: str) -> None:
    fast, master = composer(f"experiment={experiment}")
    for job in random.Random(0).sample(sweep_of(master), 1):
        assert as_planned(fast, job) == as_hydra_does(master, job)


OVERRIDES = (
    "seed=3", "train.steps=7", "cell=lstm", "cell=gru_goodfellow", "task=copy_memory", "optimizer=sgd",
    "optimizer.lr=1e-3", "model.parameter_budget=5000", "model.parameter_budget=null", "name=other",
    "model.backend='eager'", "wandb=disabled", "probe=[costs]", "probe=[costs,gradient_profile]", "+cell.more=2",
    "~wandb",
    "++train.steps=9", "device=cpu",
    "experiment=claims", "experiment=arjovsky2016_adding", "tuning.seeds=[4,5]", "model.chrono_length=${train.steps}",
    "results_dir=${name}", "results_dir=/tmp/${hydra:job.name}", "task.length=12", "train={steps: 3}", "cell.none=3",
    "train.gradient_clip_norm=null", "tables.comparison.only={seed: [1]}", "threads=2", "model='a b'", "cell=nosuch",
    "wandb.tags=[a,b]", "name=a\\,b", "train.steps=2,3", "hydra.sweep.subdir=x", "model.layers='2'", "cell@other=gru",
)  # fmt: skip


@pytest.mark.usefixtures("composing")
def test_random_jobs_are_as_hydra_composes_them_or_are_refused_with_its_words() -> None:
    fast, master = composer("train.batch_size=8")
    draw, kinds = random.Random(1), set()
    for _ in range(12):
        job = draw.sample(OVERRIDES, draw.randint(1, 4))
        answers: list[Any] = []
        for compose_job in (partial(as_hydra_does, master), partial(as_planned, fast)):
            HydraConfig.instance().set_config(master)
            try:
                answers.append(compose_job(job))
            except (HydraException, SettingError) as error:
                answers.append(str(error))
        assert answers[0] == answers[1], job
        kinds.add(type(answers[0]))
    assert kinds == {str, tuple}


def test_what_is_done_is_not_submitted(rnnbench: Command, tmp_path: Path) -> None:
    sized = (*SHORT, "model.parameter_budget=1678", "model.layers=2")  # widths that a name needs and a build has
    sweep = ("-m", *sized, "cell=rnn,gru")
    assert rnnbench(*sweep, "seed=0")[:2] == (0, "2 runs: 2 done\n")
    before = set(tmp_path.rglob("*"))
    code, output, errors = rnnbench("--dry-run", *sized, "cell=rnn", "optimizer.lr=1e-3,1e-2", "seed=0,1")
    assert (code, errors, output.splitlines()[-1]) == (0, "", "4 runs: 1 done before, 3 to do")
    names = [(line[:11], line.partition(" ")[2]) for line in output.splitlines()[:2]]
    assert names == [("rnn-adding-", "lr=0.001: done before"), ("rnn-adding-", "lr=0.001: to do")]
    assert set(tmp_path.rglob("*")) == before
    code, output, errors = rnnbench(*sweep, "seed=range(0,2)")
    assert (code, output) == (0, "4 runs: 2 done before, 2 done\n")
    assert "rnnbench: 2 of 4 runs are done already, 2 to do" in errors
    assert errors.count("done before") == 0
    (launch,) = (path for path in tmp_path.glob("results/default/launches/*") if (path / "job-3.json").exists())
    plan = json.loads((launch / "plan.json").read_text())
    assert [job["status"] for job in plan] == ["done before", "done before", None, None]
    assert sorted(path.name for path in launch.glob("job-*")) == ["job-2.json", "job-3.json"]
    assert all((tmp_path / "results" / "default" / "runs" / job["run"]).is_dir() for job in plan)
    assert rnnbench(*sweep, "seed=0", "rerun=true")[:2] == (0, "2 runs: 2 done\n")


def test_a_run_of_other_code_is_done_with_a_warning(rnnbench: Command, tmp_path: Path) -> None:
    assert rnnbench("-m", *SHORT, "seed=0,1")[0] == 0
    for path in tmp_path.glob("results/default/runs/*/summary.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"component_source": "0" * 8, "files": {}}))
    code, output, errors = rnnbench("-m", *SHORT, "seed=0,1")
    assert (code, output) == (0, "2 runs: 2 done before\n")
    assert errors.count("has changed since 2 of the runs were done, such as gru-adding-0-") == 1


def test_ranges_choices_globs_and_params_are_swept(rnnbench: Command, tmp_path: Path) -> None:
    swept = ("seed=range(0,2)", "cell=glob(*relu)", "train.batch_size=choice(2,3)", "hydra.sweeper.params={threads: 1}")
    assert rnnbench("-m", *SHORT, *swept)[:2] == (0, "4 runs: 4 done\n")


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
