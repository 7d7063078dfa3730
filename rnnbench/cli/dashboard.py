"""`rnnbench-dashboard`: saves a Weights & Biases workspace for the runs of an experiment."""

import os
import sys

from rnnbench.cli.console import answer
from rnnbench.cli.systems import check_system
from rnnbench.interruption import listening

USAGE = """rnnbench-dashboard saves a Weights & Biases workspace for the runs of a sweep, and prints its address.

  rnnbench-dashboard name=NAME               of a sweep launched with name=NAME
  rnnbench-dashboard experiment=NAME         of a named experiment
  rnnbench-dashboard ... tuned=optimizer.lr  with parallel coordinates of a swept setting
  rnnbench-dashboard ... wandb.project=P     in this project; wandb.entity and wandb.group likewise

It has the learning curves, the gradient through time, steps to solve and step times by cell and task, as mean and range
over the runs of the sweep's W&B group. Every call saves a new one. It needs the extra: pip install
'rnnbench[dashboard]'. WANDB_API_KEY or `wandb login` gives the key."""

USED = ("name", "experiment", "tuned", "wandb.")


def main() -> None:
    """The console command."""
    check_system()
    with listening("rnnbench-dashboard", "run it again"):
        answer(USAGE, USED, dashboard)


def dashboard(arguments: list[str]) -> None:
    """Save the workspace. Raises SettingError without the extra, SystemExit(1) when W&B does not take it."""
    from rnnbench.cli.arguments import composed
    from rnnbench.cli.sync import wandb_settings
    from rnnbench.errors import SettingError, one_line

    config = composed(arguments, "rnnbench-dashboard", USED)
    settings = wandb_settings(config)
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        from rnnbench.wandb_logging.dashboard import workspace
    except ModuleNotFoundError as error:
        raise SettingError(f"{error.name} is not installed; pip install 'rnnbench[dashboard]'") from error
    import wandb

    where = settings.arguments(config.name, [])
    try:
        entity = where["entity"] or wandb.Api(timeout=10).default_entity
        tuned = [config.tuned] if config.tuned else []
        made = workspace(config.name, str(entity), str(where["project"]), str(where["group"]), tuned=tuned)
        print(made.save().url)
    except Exception as error:  # wandb raises a dozen kinds
        print(f"rnnbench: W&B has not taken the dashboard ({one_line(error)[:300]})", file=sys.stderr)
        raise SystemExit(1) from error
