"""A W&B server, and a process that talks to it."""

from collections.abc import Callable, Iterator

import pytest

from rnnbench.wandb_logging.process import WandbProcess
from tests.wandb_logging.wandb_server import WandbServer, serving

PATIENCE_S = 120
"""Longer than anything takes on a loaded machine; nothing waits for it in vain."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """A server that wandb's own client finds and has a key for."""
    with serving() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def new_process() -> Iterator[Callable[[], WandbProcess]]:
    """Makes the process of a session; all are closed."""
    made: list[WandbProcess] = []

    def make() -> WandbProcess:
        made.append(WandbProcess())
        return made[-1]

    yield make
    for wandb_process in made:
        wandb_process.close()


def wait_for(wandb_process: WandbProcess, *kinds: str) -> dict[str, str]:
    """The first report of one of the kinds."""
    found = next((report for report in wandb_process.reports(PATIENCE_S) if set(kinds) & set(report)), None)
    assert found is not None, f"no {kinds}"
    return found
