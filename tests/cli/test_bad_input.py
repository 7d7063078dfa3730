"""A wrong setting is one line that names the value and the remedy, exit code 2, and nothing is left behind."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Command

ROOT = Path(__file__).parents[2]
WRONG = {
    ("cell=gruu",): "cell=gruu: no such choice; did you mean gru? choose from ",
    ("cell=mine",): "cell=mine: no such choice; a custom one is cell/mine.yaml in the folder --config-dir",
    ("cell=gru,lstm",): "Ambiguous value for argument 'cell=gru,lstm'",
    ("cell=nan",): "cell=nan: must be a name; `rnnbench --help cell` lists the choices",
    ("task=null",): "task=null: must be a name",
    ("train.stpes=3",): "train.stpes: no such setting; did you mean train.steps? `rnnbench --help all` lists them",
    (
        "-m",
        "seed=0,1",
        "train.stpes=3",
    ): "train.stpes: no such setting; did you mean train.steps? `rnnbench --help all`",
    ("cell.foo=1",): "cell.foo: no such setting; cell has bias",
    ("task.lenght=9",): "task.lenght: no such setting; did you mean task.length? task has length",
    ("model.hidden_size=0",): "model.hidden_size=0: must be above 0",
    ("model.hidden_size=2.5",): "model.hidden_size=2.5: must be a whole number",
    ("seed=-1",): "seed=-1: must be at least 0",
    ("train.epochs=3",): "train.epochs=3: must be null ",
    ("train.gradient_clip_value=1",): "train.gradient_clip_value=1: must be null where train.gradient_clip_norm=1",
    ("wandb.mode=maybe",): "wandb.mode=maybe: must be 'offline', 'online' or 'disabled'",
    ("name=a/b",): "name=a/b: must be one folder's name, of letters, digits and _ . -",
    ("name=a\udcff",): "name=a\\udcff: cannot be read",
    ("-m", "name=x1,x2"): "name=x1: must be one value for all runs of a launch",
    ("-m", "experiment=adding,quickstart"): "name=adding: must be one value for all runs of a launch",
    ("threads=2000",): "threads=2000: must be at most ",
    ("cell=[",): "cell=[: cannot be read; close its brackets and quotes, or quote all of it: 'cell=\"[\"'",
    ("gru",): "gru: must be key=value; did you mean cell=gru or name=gru?",
    ("--mutlirun",): "--mutlirun: no such option; did you mean --multirun? `rnnbench --help` lists them",
    ("--seed", "3"): "--seed: no such option; a setting has no dashes: seed=VALUE; `rnnbench --help`",
    ("-m", "optimizer.lr=1e-3", "1e-2"): "1e-2: must be key=value; values are separated by commas alone: -m "
    "optimizer.lr=1e-3,1e-2",
    ("seed=0-3",): "seed=0-3: must be a whole number; -m 'seed=range(0,4)' is a sweep of these",
    ("lr=0.1",): "lr: no such setting; did you mean optimizer.lr? `rnnbench --help all` lists them",
    ("learning_rate=0.1",): "learning_rate: no such setting; did you mean optimizer.lr? ",
    ("optim.lr=0.1",): "optim.lr: no such setting; did you mean optimizer.lr? ",
    ("train.clip=1",): "train.clip: no such setting; did you mean train.gradient_clip_norm? ",
    ("+lr=0.1",): "lr=0.1: no such setting; `rnnbench --help all` lists them",
    ("-m", "--cfg", "job"): "--cfg: is of one run; leave out -m, or use --dry-run",
    ("-m", "cell=glob(gruu*)"): "cell=glob(gruu*): has no values, so there are no runs",
    ("-m", "seed=range(3,1)"): "seed=range(3,1): has no values, so there are no runs",
    ("--config-dir", "/nowhere"): "--config-dir /nowhere: there is no such folder",
    ("--config-dir", str(ROOT / "conf")): f"{ROOT}/conf/config.yaml: rnnbench has config.yaml too; rename yours",
    ("-cd=/etc", "-cd", "/"): "--config-dir /: there is /etc already; put all into one folder",
    ("hydra.run.dir=.",): ".: a launch's folder must be in results/default/launches; leave it out, results_dir=DIR ",
    ("results_dir=/dev/null/results",): "results_dir=/dev/null/results: cannot be written (",
    ("hydra.job.chdir=true",): "hydra.job.chdir=true: runs stay in the working directory; leave it out",
    ("-m", "optimizer.lr=interval(0.1,0.2)"): "optimizer.lr=interval(0.1,0.2): cannot be listed; hydra/sweeper=optuna",
}
"""Found before a run is built."""

REFUSED = {
    ("+cell.foo=1",): "cell.foo=1: unknown; Gru takes input_size, hidden_size, bias",
    ("task.length=1",): "task.length=1: must be at least 2 (one marker per half)",
    ("device=cuda:7",): "device=cuda:7: not available here; use device=cpu",
    ("model.backend=fast",): "model.backend=fast: must be one of auto,",
    ("cell=janet", "model.backend=torch"): "model.backend=torch: cannot run Janet (torch.nn has no kernel",
    ("optimizer.lr=-1",): "optimizer: Invalid learning rate: -1",
    ("optimizer.lr=nan",): "optimizer.lr=nan: must be a number",
    ("optimizer.lr=fast",): "optimizer.lr=fast: must be a number",
    ("train.steps=null", "train.epochs=3"): "train.epochs=3: Adding draws fresh sequences without end",
    ("schedule=plateau", "schedule.factor=2"): "schedule: Factor should be < 1.0",
    ("model.parameter_budget=50",): "model.parameter_budget=50: no hidden size comes within 2%",
    ("model.initialisation=good",): "model.initialisation=good: must be one of default, paper, orthogonal,",
    ("probes.gradient_profile.per_decade=0",): "probes.gradient_profile.per_decade=0: must be at least 1",
    ("cell._target_=no.gru.Gru",): "cell._target_=no.gru.Gru: cannot be imported (there is no module no",
}
"""Found when the components are built; the launch is on record, no run is."""


@pytest.mark.parametrize(("arguments", "answer"), [*WRONG.items(), *REFUSED.items()], ids=lambda value: value[-1][:20])
def test_a_wrong_setting_is_one_line_and_leaves_no_run(
    rnnbench: Command, tmp_path: Path, arguments: tuple[str, ...], answer: str
) -> None:
    code, output, errors = rnnbench(*arguments)
    assert (code, output, errors.count("\n")) == (2, "", 1), errors
    assert errors.startswith(f"rnnbench: {answer}")
    assert not list(tmp_path.rglob("runs/*"))


def test_a_run_that_does_not_fit_into_memory_fails_in_a_line_with_the_remedy(rnnbench: Command) -> None:
    """More than the address space of a process."""
    for argument in ("task.length=10000000000000", "train.batch_size=10000000000000", "model.hidden_size=10000000"):
        code, output, errors = rnnbench(*SMALL, argument)
        assert (code, output) == (1, "")
        assert re.search(r"^rnnbench: the run does not fit into memory .*; lower train.batch_size, ", errors, re.M)
        assert "Traceback" not in errors


def test_report_on_nothing(rnnbench_report: Command, tmp_path: Path) -> None:
    code, output, errors = rnnbench_report("name=none")
    assert (code, output) == (2, "")
    assert (
        errors
        == "rnnbench: name=none: no runs in results/none/runs; launch some, or choose in results: there are none\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_continues_past_a_wrong_setting(rnnbench: Command, tmp_path: Path) -> None:
    code, output, errors = rnnbench("-m", *SMALL, "task.length=1,6", "seed=0,1")
    assert (code, output) == (2, "4 runs: 2 refused, 2 done\n")
    assert errors.count("refused task.length=1: must be at least 2 (one marker per half)") == 2
    assert len(list(tmp_path.glob("results/default/runs/*/summary.json"))) == 2


@pytest.mark.parametrize(
    ("content", "answer"),
    {
        b"_target_: x.Y\n  a: [1\n b": "own.yaml, line 2: no valid YAML (mapping values are not allowed here)",
        b"_target_: x.Y\na: 1\na: 2\n": "own.yaml, line 3: no valid YAML (found duplicate key a)",
        b"\0": "no valid YAML (",
        b"_target_: x.Y # \xe9\n": "no valid YAML ('utf-8' codec can't decode byte 0xe9",
    }.items(),
)
def test_a_yaml_file_that_is_none(rnnbench: Command, tmp_path: Path, content: bytes, answer: str) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "own.yaml").write_bytes(content)
    code, output, errors = rnnbench("-m", "--config-dir", str(tmp_path), "cell=own")
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert answer in errors
