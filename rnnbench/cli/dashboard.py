"""`rnnbench-dashboard`: saves a Weights & Biases workspace for the runs of an experiment."""

import os
import sys

from rnnbench.cli.console import answer
from rnnbench.cli.systems import check_system
from rnnbench.interruption import listening

USAGE = """rnnbench-dashboard saves a Weights & Biases workspace for the runs of a sweep, and prints its address.

  rnnbench-dashboard name=NAME               of a sweep launched with name=NAME; experiment=NAME likewise
  rnnbench-dashboard ... wandb.project=P     in this project; wandb.entity and wandb.group likewise

Every call saves a new one. It needs the extra: pip install 'rnnbench[dashboard]', and a key: WANDB_API_KEY or
`wandb login`."""
USED = ("name", "experiment", "wandb.")


def main() -> None:
    """The console command."""
    check_system()
    with listening("rnnbench-dashboard", "run it again"):
        answer(USAGE, USED, dashboard)


def dashboard(arguments: list[str]) -> None:
    """Save the workspace. Raises SettingError without the extra, SystemExit(1) when W&B does not take it."""
    from rnnbench.cli.arguments import composed
    from rnnbench.errors import SettingError, one_line
    from rnnbench.wandb_logging.settings import WandbSettings

    config = composed(arguments, "rnnbench-dashboard", USED)
    where = WandbSettings.checked(config.wandb).arguments(config.name)
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        from rnnbench.wandb_logging.dashboard import workspace
    except ModuleNotFoundError as error:
        raise SettingError(f"{error.name} is not installed; pip install 'rnnbench[dashboard]'") from error
    import wandb

    try:
        entity = where["entity"] or wandb.Api(timeout=10).default_entity
        print(workspace(config.name, str(entity), str(where["project"]), str(where["group"])).save().url)
    except Exception as error:  # wandb raises a dozen kinds
        print(f"rnnbench: W&B has not taken the dashboard ({one_line(error)[:300]})", file=sys.stderr)
        raise SystemExit(1) from error
