"""Words that are no settings, settings that a command would ignore, and the options that only print."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rnnbench as package
from rnnbench.cli.arguments import options_last, overrides
from rnnbench.errors import SettingError
from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("word", "answer"),
    {
        "adding": "adding: must be key=value; did you mean experiment=adding or task=adding or name=adding?",
        "gru": "gru: must be key=value; did you mean cell=gru or name=gru?",
        "parallel": "parallel: must be key=value; did you mean hydra/launcher=parallel or name=parallel?",
        "mine": "mine: must be key=value; did you mean name=mine?",
    }.items(),
)
def test_a_word_without_a_key_is_an_error(rnnbench: Command, tmp_path: Path, word: str, answer: str) -> None:
    for arguments in ([word], ["-m", "seed=0,1", word], ["--config-dir", str(ROOT / "conf"), word]):
        assert rnnbench(*arguments) == (2, "", f"rnnbench: {answer}\n")
    assert list(tmp_path.iterdir()) == []


def test_the_values_of_options_and_deletions_are_no_such_words() -> None:
    assert overrides(["--cfg", "job", "-cd", "own", "seed=1", "~figure", "--config-dir=own"]) == ["seed=1", "~figure"]
    with pytest.raises(SettingError, match=r"^gru: must be key=value; did you mean cell=gru or name=gru\?$"):
        overrides(["-m", "gru"])


def test_options_may_come_after_settings(rnnbench: Command) -> None:
    arguments = ["cell=gru", "-m", "seed=0,1", "--config-dir", "own", "name=x", "--cfg=job", "-c", "job", "--info"]
    assert options_last(arguments) == [
        "cell=gru", "seed=0,1", "name=x", "-m", "--config-dir", "own", "--cfg=job", "-c", "job", "--info",
    ]  # fmt: skip
    code, output, errors = rnnbench("cell=lstm", "--cfg", "job", "seed=3")
    assert code == 0, errors
    assert "seed: 3\n" in output
    code, output, errors = rnnbench("seed=1", "--mutlirun", "cell=rnn,gru")
    assert (code, output) == (2, "")
    assert errors == ("rnnbench: --mutlirun: no such option; `rnnbench --help` and `rnnbench --hydra-help` list them\n")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    {
        ("adding",): "adding: must be key=value; did you mean name=adding or experiment=adding?",
        ("name=mine", "cell=gru"): "cell=gru: rnnbench-report does not use it; it takes name, experiment, ",
        ("name=mine", "+model.layers=2"): "+model.layers=2: rnnbench-report does not use it; it takes name, ",
        ("name=mine", "-m"): "-m: no such option; `rnnbench-report --help` lists them",
    }.items(),
)
def test_the_report_ignores_nothing(rnnbench_report: Command, arguments: tuple[str, ...], answer: str) -> None:
    code, output, errors = rnnbench_report(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(f"rnnbench: {answer}")
    assert errors.count("\n") == 1


def test_explain_prints_the_source_and_ignores_nothing(rnnbench_explain: Command) -> None:
    code, output, _ = rnnbench_explain("cell=rnn", "cell.activation=relu", "model.hidden_size=4")
    assert code == 0
    ast.parse(output)
    assert rnnbench_explain("rnn") == (2, "", "rnnbench: rnn: must be key=value; did you mean cell=rnn?\n")
    code, _, errors = rnnbench_explain("task=adding")
    assert (code, errors.startswith("rnnbench: task=adding: rnnbench-explain does not use it; ")) == (2, True)


def test_version_is_rnnbench_s_own(
    rnnbench: Command, rnnbench_report: Command, rnnbench_explain: Command, tmp_path: Path
) -> None:
    for command in (rnnbench, rnnbench_report, rnnbench_explain):
        assert command("--version") == (0, f"rnnbench {package.__version__}\n", "")
        assert command("--help")[0] == 0
    module = [sys.executable, "-m", "rnnbench", "--version"]
    ran = subprocess.run(module, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == f"rnnbench {package.__version__}\n"


def test_nothing_private_of_hydra_is_imported() -> None:
    for folder in ("rnnbench", "tasks", "hydra_plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in _imported(ast.parse(path.read_text())):
                is_private = any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
                assert not (is_private and name.startswith(("hydra", "omegaconf", "rnnbench"))), (path, name)


def _imported(module: ast.Module) -> list[str]:
    """The full names of all that a module imports."""
    names = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{each.name}" for each in node.names]
    return names
