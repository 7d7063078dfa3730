"""A run that was killed and resumed is one run on W&B's server, with each step once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnbench.wandb_logging.process import WandbProcess
from tests.wandb_logging.conftest import wait_for
from tests.wandb_logging.logging_a_run import ROWS, begin, log_a_run, record
from tests.wandb_logging.wandb_server import WandbServer

RUN = "gru-adding-3-00000000"


def kill(wandb_process: WandbProcess) -> None:
    """End the process and W&B's as a SIGKILL of the whole session does."""
    assert wandb_process.process is not None
    os.killpg(wandb_process.process.pid, signal.SIGKILL)
    wandb_process.process.wait()


@pytest.mark.faults
@pytest.mark.parametrize("arrived", [0, 2])
@pytest.mark.parametrize("checkpointed", [0, 1, 2])
def test_killed_and_resumed_online(
    tmp_path: Path, server: WandbServer, new_process: Callable[[], WandbProcess], arrived: int, checkpointed: int
) -> None:
    """Killed before or after rows have arrived, and before or after the checkpoint that holds them."""
    first = new_process()
    recorder = begin(first, tmp_path / RUN, "online")
    for row in ROWS[:2]:
        record(recorder, row)
    if arrived:
        record(recorder, ROWS[2])  # W&B sends a row when the next one begins
        server.wait_for(lambda seen: any(len(run.steps) >= arrived for run in seen.runs.values()))
    else:
        wait_for(first, "started")
    kill(first)
    second = new_process()
    log_a_run(second, tmp_path / RUN, "online", past=checkpointed)
    assert wait_for(second, "kept", "lost") == {"kept": RUN}
    (run,) = server.runs.values()
    assert run.steps == [0, 10, 20]
    assert [row["validation/loss"] for row in run.history] == [0.75, 0.5, 0.25]
    assert run.state == "finished"
    assert run.summary["test_loss"] == 0.125
    assert run.summary["validation/loss"] == {"min": 0.25}


def test_offline_then_online_is_one_run(
    tmp_path: Path, server: WandbServer, new_process: Callable[[], WandbProcess]
) -> None:
    killed, resumed = new_process(), new_process()
    record(begin(killed, tmp_path / RUN), ROWS[0])
    kill(killed)
    log_a_run(resumed, tmp_path / RUN, "online", past=1)
    assert wait_for(resumed, "kept", "lost") == {"kept": RUN}
    (run,) = server.runs.values()
    assert run.steps == [0, 10, 20]
    assert len(list((tmp_path / RUN / "wandb").glob("*run-*"))) == 1
    assert (tmp_path / RUN / "wandb-address.txt").read_text().startswith(f"{server.url}/me/")


def test_where_a_run_goes(tmp_path: Path, server: WandbServer, new_process: Callable[[], WandbProcess]) -> None:
    """Names that are too long for W&B are shortened, and stay one name each."""
    wandb_process, name = new_process(), "e" * 150
    log_a_run(wandb_process, tmp_path / RUN, "online", experiment=name, where={"notes": "a note", "group": "the group"})
    assert wait_for(wandb_process, "kept", "lost") == {"kept": RUN}
    ((identity, run),) = server.runs.items()
    assert len(identity) == 64
    assert (run.fields["groupName"], run.fields["notes"], run.fields["tags"]) == (
        "the group",
        "a note",
        ["gru", "adding"],
    )
    assert (run.config["cell_name"], run.config["difficulty"], run.config["parameter_budget"]) == ("gru", 6, 500)
    assert run.config["experiment"] == name
    assert all(len(artifact["name"]) <= 128 and artifact["committed"] for artifact in server.artifacts)
    assert len(server.artifacts) == 2
