"""The commands of the pages are run, in their order, as tiny sweeps."""

from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Command, rnnbench_explain  # noqa: F401
from tests.docs.markdown import PAGES, commands

NOT_RUN = (
    "hydra/launcher=slurm", "rnnbench-sync", "rnnbench-dashboard", "hydra.launcher.address", "wandb=online",
    "hydra/sweeper=optuna",  # which warns, and that fails in this process
    "JSB_Chorales.mat", "sums.npz", "book",  # files that are not here
    "experiment=adding_medium", "experiment=chung2014_music", "experiment=claims", "experiment=speed",  # hours
)  # fmt: skip
"""Words of commands that test_pages.py composes, but that are not run: they need a server, a file or hours."""
BEFORE = {
    "report.md": [
        ["-m", "cell=rnn,lstm,gru", "task=adding", "task.length=100", "seed=0,1", "name=mine"],
        ["-m", "cell=gru,lstm", "task=adding", "task.length=6", "seed=0,1", "optimizer.lr=0.1", "name=other"],
        ["experiment=quickstart"],
    ],
    "wandb.md": [["cell=gru", "task=adding", "task.length=6", "name=mine"]],
}
"""What a page takes for granted."""


def tiny(words: list[str]) -> list[str]:
    """A command's words with settings that make its runs small, and short unless the page gives the length."""
    has_length = any("task.length=" in word or word == "experiment=quickstart" for word in words)
    return [*words, *SMALL, *([] if has_length else ["task.length=6"])]


def run_here(page: Path) -> list[list[str]]:
    return [words for words in commands(page) if not any(part in " ".join(words) for part in NOT_RUN)]


@pytest.mark.usefixtures("own_components")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=() if page.name == "own-cell.md" else pytest.mark.long)
        for page in filter(run_here, PAGES)
    ],
)
def test_commands_run(
    page: Path,
    rnnbench: Command,
    rnnbench_report: Command,
    rnnbench_explain: Command,  # noqa: F811
) -> None:
    for words in BEFORE.get(page.name, []):
        assert rnnbench(*tiny(words))[0] == 0
    console = {"rnnbench": rnnbench, "rnnbench-report": rnnbench_report, "rnnbench-explain": rnnbench_explain}
    for command, *arguments in run_here(page):
        trains = command == "rnnbench" and not {"--help", "--cfg"} & set(arguments)
        code, _, errors = console[command](*(tiny(arguments) if trains else arguments))
        assert code == 0, f"{command} {' '.join(arguments)}: {errors}"
