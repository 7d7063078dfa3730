"""Words that are no settings, settings that a command would ignore, and the options that only print."""

import ast
import subprocess
import sys
from pathlib import Path

import rnnbench as package
from rnnbench.cli.arguments import settings_and_options
from tests.cli.conftest import Command

OWN = str(Path(__file__).parent)


def test_settings_and_options_come_in_any_order(rnnbench: Command) -> None:
    arguments = ["cell=gru", "-m", "seed=0,1", "--config-dir", OWN, "~wandb", "--cfg=job", "-c", "job", "name=2024"]
    assert settings_and_options(arguments) == (
        ["cell=gru", "seed=0,1", "~wandb", "name='2024'"],
        ["-m", "--config-dir", OWN, "--cfg=job", "-c", "job"],
    )
    code, output, errors = rnnbench("cell=lstm", "--cfg", "job", "seed=3")
    assert code == 0, errors
    assert "seed: 3\n" in output


def test_explain_prints_the_source_and_ignores_nothing(rnnbench_explain: Command) -> None:
    code, output, _ = rnnbench_explain("cell=rnn", "cell.activation=relu", "model.hidden_size=4")
    assert code == 0
    ast.parse(output)
    assert rnnbench_explain("rnn") == (2, "", "rnnbench: rnn: must be key=value; did you mean cell=rnn?\n")


def test_version_and_help_of_every_command(
    rnnbench: Command, rnnbench_report: Command, rnnbench_explain: Command, tmp_path: Path
) -> None:
    for command in (rnnbench, rnnbench_report, rnnbench_explain):
        assert command("--version") == (0, f"rnnbench {package.__version__}\n", "")
        assert command("--help")[0] == 0
    module = [sys.executable, "-m", "rnnbench", "--version"]
    ran = subprocess.run(module, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == f"rnnbench {package.__version__}\n"
