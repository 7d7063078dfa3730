"""`rnnbench-dashboard`: saves a Weights & Biases workspace for the runs of an experiment."""

import sys
from typing import Any

from rnnbench.cli.console import answer

USAGE = """rnnbench-dashboard saves a Weights & Biases workspace for the runs of a sweep, and prints its address.

  rnnbench-dashboard name=NAME               of a sweep launched with name=NAME; experiment=NAME likewise
  rnnbench-dashboard ... wandb.project=P     in this project; wandb.entity and wandb.group likewise

Every call saves a new one. It needs the extra: pip install 'rnnbench[dashboard]', and a key: WANDB_API_KEY or
`wandb login`."""
USED = ("name", "experiment", "wandb.")
CURVES = {
    "Learning curves": ("validation/loss", "train/loss", "validation/error_rate"),
    "Gradient through time": (*(f"profile/norm_{back}_steps_back" for back in (1, 4, 16, 64)), "gradient/norm"),
}
BARS = ("steps_to_solve", "test_loss", "step_time_s", "tokens_per_second")


def main() -> None:
    """The console command."""
    answer("rnnbench-dashboard", "run it again", USAGE, dashboard, USED)


def dashboard(arguments: list[str]) -> None:
    """Save the workspace. Raises SettingError without the extra, SystemExit(1) when W&B does not take it."""
    from rnnbench.cli.arguments import composed
    from rnnbench.cli.configuration import settings_of
    from rnnbench.errors import SettingError, one_line

    config = composed(arguments, "rnnbench-dashboard", USED)
    where = settings_of(config).wandb.arguments(config.name)
    import wandb

    try:
        entity = where["entity"] or wandb.Api(timeout=10).default_entity
        print(_workspace(config.name, str(entity), str(where["project"]), str(where["group"])).save().url)
    except ModuleNotFoundError as error:
        raise SettingError(f"{error.name} is not installed; pip install 'rnnbench[dashboard]'") from error
    except Exception as error:  # wandb raises a dozen kinds
        print(f"rnnbench: W&B has not taken the dashboard ({one_line(error)[:300]})", file=sys.stderr)
        raise SystemExit(1) from error


def _workspace(experiment: str, entity: str, project: str, group: str) -> Any:
    """Panels of the group's runs by cell and task: learning curves, the gradient through time, steps and times."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    from rnnbench.wandb_logging import CURVE

    grouped: Any = {
        "groupby": wr.Config(CURVE),
        "groupby_aggfunc": "mean",
        "groupby_rangefunc": "minmax",
        "aggregate": True,
        "max_runs_to_show": 1000,  # the default is 10
    }
    sections = {
        section: [wr.LinePlot(title=key, x="Step", y=[key], log_y="error" not in key, **grouped) for key in keys]
        for section, keys in CURVES.items()
    }
    sections["Steps and times"] = [wr.BarPlot(title=key, metrics=[key], **grouped) for key in BARS]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"rnnbench {experiment}",
        sections=[ws.Section(name=name, panels=panels, is_open=True) for name, panels in sections.items()],
        runset_settings=ws.RunsetSettings(
            filters=[expr.Metric("Group") == group],
        ),
    )
