"""A wrong setting is one line that names the value and the remedy, exit code 2, and nothing is left behind."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Command

WRONG = {
    ("cell=gruu",): "rnnbench: cell=gruu: no such choice; did you mean gru? choose from ",
    ("task=ading",): "rnnbench: task=ading: no such choice; did you mean adding? choose from ",
    ("model.hidden_size=0",): "rnnbench: model.hidden_size=0: must be greater than 0",
    ("model.hidden_size=2.5",): "rnnbench: model.hidden_size=2.5: must be a valid integer",
    ("model.layers=many",): "rnnbench: model.layers=many: must be a valid integer",
    ("seed=-1",): "rnnbench: seed=-1: must be greater than or equal to 0",
    ("train.gradient_clip_norm=0",): "rnnbench: train.gradient_clip_norm=0: must be greater than 0",
    ("train.epochs=3",): "rnnbench: train.epochs=3: must be null where train.steps=2000; set train.steps=null",
    ("train.gradient_clip_value=1",): "rnnbench: train.gradient_clip_value=1: must be null where train.gradient_cl",
    ("train.selection=worst",): "rnnbench: train.selection=worst: must be 'last' or 'best'",
    ("train.stpes=3",): "rnnbench: train.stpes: no such setting; did you mean train.steps? `rnnbench --help` lists",
    ("trian.steps=3",): "rnnbench: trian.steps: no such setting; did you mean train.steps? `rnnbench --help` lists",
    ("cell.foo=1",): "rnnbench: cell.foo: no such setting; cell has bias",
    ("task.lenght=9",): "rnnbench: task.lenght: no such setting; did you mean task.length? task has length",
    ("cell=mine",): "rnnbench: cell=mine: no such choice; one of your own needs --config-dir DIR, with DIR/cell/m",
    ("figure=[learning_curve]",): "rnnbench: figure=learning_curve: no such choice; did you mean learning_curves? ",
    ("cell=gru,lstm",): "rnnbench: cell=gru,lstm: must be one value; with -m, several are a sweep; a list is cell=[g",
    ("probe=[costs,", "speed]"): "rnnbench: speed]: part of a value with a space; quote it: 'probe=[costs, speed]'",
    ("name=a/b",): "rnnbench: name=a/b: must be one folder's name, of letters, digits and _ . -",
    ("cell=gru_nobias",): "rnnbench: cell=gru_nobias: renamed; use cell=gru_concat_no_bias",
    ("cell=gru_split_nobias",): "rnnbench: cell=gru_split_nobias: renamed; use cell=gru_no_bias",
    ("wandb.mode=maybe",): "rnnbench: wandb.mode=maybe: must be 'offline', 'online' or 'disabled'",
    ("cell=[",): "rnnbench: cell=[: cannot be read; close its brackets and quotes, or quote all of it: 'cell=\"[\"'",
    ("name=" + 300 * "n",): f"rnnbench: name={200 * 'n'}...: must have at most 255 bytes",
    ("threads=2000",): "rnnbench: threads=2000: must be at most ",
    ("cell=nan",): "rnnbench: cell=nan: must be a name; `rnnbench --help` lists the choices",
    ("-m", "cell=gru,1"): "rnnbench: cell=gru,1: must be a name; `rnnbench --help` lists the choices",
    ("cell=[gru,lstm]",): "rnnbench: cell=[gru,lstm]: must be a name",
    ("task=null",): "rnnbench: task=null: must be a name",
    ("hydra/launcher=2",): "rnnbench: hydra/launcher=2: must be a name",
    ("--config-dir", "/nowhere"): "rnnbench: --config-dir /nowhere: there is no such folder",
}
"""Found before anything is written."""

REFUSED = {
    ("+cell.foo=1",): "rnnbench: cell.foo=1: unknown; Gru takes input_size, hidden_size, bias",
    ("task.length=1",): "rnnbench: task.length=1: must be at least 2 (one marker per half)",
    ("device=cuda:7",): "rnnbench: device=cuda:7: not available here; use device=cpu",
    ("device=tpu",): "rnnbench: device=tpu: not available here; use device=cpu",
    ("model.backend=fast",): "rnnbench: model.backend=fast: must be one of auto,",
    ("cell=janet", "model.backend=torch"): "rnnbench: model.backend=torch: cannot run Janet (torch.nn has no kernel",
    ("optimizer.lr=-1",): "rnnbench: optimizer: Invalid learning rate: -1",
    ("train.steps=null", "train.epochs=3"): "rnnbench: train.epochs=3: Adding draws fresh sequences without end",
    ("schedule=step", "schedule.step_size=soon"): "rnnbench: schedule.step_size=soon: must be a valid integer",
    ("schedule=plateau", "schedule.factor=2"): "rnnbench: schedule: Factor should be < 1.0",
    ("optimizer.lr=fast",): "rnnbench: optimizer.lr=fast: must be a valid number",
    ("cell=rnn", "cell.activation=cosine"): "rnnbench: cell.activation=cosine: must be 'tanh' or 'relu'",
    ("model.parameter_budget=50",): "rnnbench: model.parameter_budget=50: no hidden size comes within 2%",
    ("model.initialisation=good",): "rnnbench: model.initialisation=good: must be one of default, orthogonal,",
    ("probes.gradient_profile.per_decade=0",): "rnnbench: probes.gradient_profile.per_decade=0: must be greater than",
    ("cell._target_=no.such.Cell",): "rnnbench: cell._target_=no.such.Cell: cannot be imported",
}
"""Found when the components are built; the launch is on record, no run is."""


@pytest.mark.parametrize(
    ("arguments", "answer"), WRONG.items(), ids=lambda value: value[:20] if isinstance(value, str) else value[-1]
)
def test_wrong_setting_leaves_nothing(
    rnnbench: Command, tmp_path: Path, arguments: tuple[str, ...], answer: str
) -> None:
    code, output, errors = rnnbench(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(answer)
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "answer"), REFUSED.items(), ids=lambda value: value[:20] if isinstance(value, str) else value[-1]
)
def test_refused_setting_leaves_no_run(
    rnnbench: Command, tmp_path: Path, arguments: tuple[str, ...], answer: str
) -> None:
    code, output, errors = rnnbench(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(answer)
    assert errors.count("\n") == 1
    assert not list(tmp_path.glob("results/*/runs/*"))


@pytest.mark.parametrize(
    "argument", ["task.length=10000000000000", "train.batch_size=10000000000000", "model.hidden_size=10000000"]
)
def test_a_run_that_does_not_fit_into_memory_fails_in_a_line_with_the_remedy(rnnbench: Command, argument: str) -> None:
    """More than the address space of a process."""
    code, output, errors = rnnbench(*SMALL, argument)
    assert (code, output) == (1, "")
    assert re.search(r"^rnnbench: the run does not fit into memory .*; lower train.batch_size, ", errors, re.MULTILINE)
    assert "Traceback" not in errors


def test_results_dir_that_cannot_be_written(rnnbench: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, _, errors = rnnbench("results_dir=file/results")
    assert code == 2
    assert errors.startswith("rnnbench: results_dir=file/results: cannot be written (")
    assert errors.count("\n") == 1
    assert (tmp_path / "file").read_text() == "in the way"


def test_report_on_nothing(rnnbench_report: Command, tmp_path: Path) -> None:
    code, output, errors = rnnbench_report("name=none")
    assert (code, output) == (2, "")
    assert errors == "rnnbench: name=none: there is no folder results; launch some runs, or go to where it is\n"
    assert list(tmp_path.iterdir()) == []


def test_sweep_goes_on_past_a_wrong_setting(rnnbench: Command, tmp_path: Path) -> None:
    code, output, errors = rnnbench("-m", *SMALL, "task.length=1,6", "seed=0,1")
    assert code == 2
    assert output == "4 runs: 2 refused, 2 done\n"
    assert errors.count("refused task.length=1: must be at least 2 (one marker per half)") == 2
    assert len(list(tmp_path.glob("results/default/runs/*/summary.json"))) == 2


def test_sweep_with_an_unknown_choice_starts_nothing(rnnbench: Command, tmp_path: Path) -> None:
    code, _, errors = rnnbench("-m", *SMALL, "cell=gru,gruu")
    assert code == 2
    assert errors.startswith("rnnbench: cell=gruu: no such choice; did you mean gru?")
    assert not list(tmp_path.glob("results/*/runs"))


@pytest.mark.parametrize(
    ("content", "answer"),
    {
        b"_target_: x.Y\n  a: [1\n b": "own.yaml, line 2: no valid YAML (mapping values are not allowed here)",
        b"_target_: x.Y\na: 1\na: 2\n": "own.yaml, line 3: no valid YAML (found duplicate key a)",
        b"_target_: x.Y\n\ta: 1\n": "own.yaml, line 2: no valid YAML (found character '\\t' that cannot",
        b"\0": "own.yaml: no valid YAML (an unprintable character at position 0)",
        b"_target_: x.Y # \xe9\n": "own.yaml: no valid YAML ('utf-8' codec can't decode byte 0xe9",
    }.items(),
)
def test_a_yaml_file_that_is_none(rnnbench: Command, tmp_path: Path, content: bytes, answer: str) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "own.yaml").write_bytes(content)
    for sweep in ([], ["-m"]):
        code, output, errors = rnnbench(*sweep, "--config-dir", str(tmp_path), "cell=own")
        assert (code, output) == (2, "")
        assert errors.startswith(f"rnnbench: {tmp_path}/cell/{answer}")
        assert errors.count("\n") == 1
    assert not list(tmp_path.glob("results/*/runs"))


@pytest.mark.parametrize(("options", "key"), [((), "run"), (("-m", "seed=0,1"), "sweep")])
def test_a_launch_has_a_folder_of_its_own(
    rnnbench: Command, tmp_path: Path, options: tuple[str, ...], key: str
) -> None:
    code, _, errors = rnnbench(*options, *SMALL, f"hydra.{key}.dir=.")
    assert (code, errors) == (
        2,
        f"rnnbench: hydra.{key}.dir=.: must be a folder in results/default/launches; leave it out\n",
    )
    taken = "results/default/launches/mine"
    (tmp_path / taken).mkdir(parents=True)
    code, _, errors = rnnbench(*options, *SMALL, f"hydra.{key}.dir={taken}")
    assert (code, errors) == (
        2,
        f"rnnbench: hydra.{key}.dir={taken}: is there already, and each launch needs its own; leave it out\n",
    )
    assert list(tmp_path.rglob("*.json")) == []
