"""A sweep of W&B: its agent starts runs, one by one, with the command that docs/cluster.md gives."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import SMALL
from tests.wandb_logging.wandb_server import ENTITY, WandbServer

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"


@pytest.mark.faults
def test_an_agent_starts_runs(server: WandbServer, tmp_path: Path) -> None:
    (written,) = re.findall(r"```yaml\n(program: .+?)```", PAGE.read_text(), re.DOTALL)
    sweep = yaml.safe_load(written)
    sweep["command"] += [*(setting for setting in SMALL if not setting.startswith("wandb")), "task.length=5"]
    server.sweep = yaml.safe_dump(sweep)
    rates = {"first": 0.003, "second": 0.01}
    server.agent_commands = [
        *(
            {"type": "run", "run_id": name, "program": sweep["program"], "args": {"optimizer.lr": {"value": rate}}}
            for name, rate in rates.items()
        ),
        {"type": "exit"},
    ]
    bin_folder = Path(sys.executable).parent
    ended = subprocess.run(
        [bin_folder / "wandb", "agent", f"{ENTITY}/mine/sweep"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    print(ended.stdout, ended.stderr)
    assert ended.returncode == 0
    assert set(server.runs) == set(rates)
    for name, rate in rates.items():
        run = server.runs[name]
        assert run.state == "finished"
        assert run.config["optimizer"]["lr"] == rate
        assert (run.fields["sweep"], run.fields["project"]) == ("sweep", "mine")
        assert sweep["metric"]["name"] in run.summary
