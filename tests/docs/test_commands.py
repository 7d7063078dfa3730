"""The commands of the pages are run, in their order, as tiny sweeps."""

from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Command, rnnbench_explain  # noqa: F401
from tests.docs.markdown import PAGES, ROOT, commands

NOT_RUN = {
    "hydra/launcher=slurm": "needs Slurm; tests/cli/test_launching.py has one that is acted",
    "rnnbench-sync": "needs W&B, likewise",
    "rnnbench-dashboard": "needs W&B, likewise",
    "hydra/sweeper=optuna": "Optuna warns, which fails in this process; tests/cli/test_launching.py has a search",
    "hydra.launcher.address": "needs a cluster",
    "JSB_Chorales.mat": "needs a file that is not ours to hand on",
    "wandb=online": "needs W&B; tests/cli/test_sync.py has a server that is acted",
    "experiment=adding_medium": "hours; tests/report/test_committed_results.py makes its report",
    "experiment=chung2014_jsb": "likewise",
    "experiment=claims": "an hour; the same test makes its report",
    "experiment=speed": "minutes of timing",
    "sums.npz": "tests/tasks/test_arrays.py has it",
    "book": "tests/tasks/test_characters.py has it",
}
"""Words of commands that are composed, in tests/docs/test_pages.py, but not run, with the reason."""
BEFORE = {
    "report.md": [
        ["-m", "cell=rnn,lstm,gru", "task=adding", "task.length=100", "seed=0,1", "name=mine"],
        ["-m", "cell=gru,lstm", "task=adding", "task.length=6", "seed=0,1", "optimizer.lr=0.1", "name=other"],
        ["experiment=quickstart"],
    ],
}
"""What a page takes for granted."""


def tiny(words: list[str]) -> list[str]:
    """A command's words with settings that make its runs small, and short unless the page gives the length."""
    length = (
        [] if any("task.length=" in word or word == "experiment=quickstart" for word in words) else ["task.length=6"]
    )
    return [*words, *SMALL, *length]


def runs(words: list[str]) -> bool:
    """Whether the command is run here."""
    return not any(part in " ".join(words) for part in NOT_RUN)


WITH_COMMANDS = [page for page in PAGES if any(runs(words) for words in commands(page))]


@pytest.mark.usefixtures("own_components")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=() if page.name == "own-cell.md" else pytest.mark.long)
        for page in WITH_COMMANDS
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
    for command, *arguments in filter(runs, commands(page)):
        trains = command == "rnnbench" and not {"--help", "--cfg"} & set(arguments)
        code, _, errors = console[command](*(tiny(arguments) if trains else arguments))
        assert code == 0, f"{command} {' '.join(arguments)}: {errors}"


def test_what_is_not_run_is_on_a_page() -> None:
    every = [" ".join(words) for page in PAGES for words in commands(page)]
    assert all(any(part in command for command in every) for part in NOT_RUN)
    assert all((ROOT / "docs" / page).exists() for page in BEFORE)
