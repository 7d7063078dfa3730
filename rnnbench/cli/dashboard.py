"""`rnnbench-dashboard`: a Weights & Biases workspace and report of an experiment, with its figures and tables."""

import sys
import tempfile
from typing import Any

from rnnbench.cli.console import answer
from rnnbench.errors import SettingError, one_line
from rnnbench.schema import ExperimentFiles

USAGE = """rnnbench-dashboard saves a workspace and a report of a sweep in Weights & Biases.

  rnnbench-dashboard name=NAME             of a sweep launched with name=NAME, or experiment=NAME
  rnnbench-dashboard ... results_dir=DIR   with the tables and figures below DIR, not ./results
  rnnbench-dashboard ... wandb.project=P   in this project; wandb.entity and wandb.group likewise

Figures and tables of rnnbench-report, where it has been run, are logged too. It needs the extra,
pip install 'rnnbench[dashboard]', and a key: WANDB_API_KEY or `wandb login`."""
USED = ("name", "experiment", "results_dir", "wandb.")
CURVES = {
    "Learning curves": ("validation/loss", "train/loss", "validation/error_rate"),
    "Gradient through time": (*(f"profile/norm_{lag}_steps_back" for lag in (1, 4, 16, 64)), "heat_map/norm"),
}
BARS = {
    "Share of runs solved": "measured/solved", "Steps to solve, or budget": "measured/steps_to_solve_or_budget",
    "Test loss": "test/loss", "Seconds per step": "measured/step_time_s", "Tokens/s": "measured/tokens_per_second",
}  # fmt: skip


def main() -> None:
    """The console command."""
    answer("rnnbench-dashboard", "run it again", USAGE, dashboard, USED)


def dashboard(arguments: list[str]) -> None:
    """Save workspace and report. Raises SettingError without the extra, SystemExit(1) when W&B does not take them."""
    import wandb

    from rnnbench.cli.arguments import composed
    from rnnbench.cli.composer import settings_of

    settings = settings_of(composed(arguments, "rnnbench-dashboard", USED))
    where = settings.wandb.arguments(settings.name, f"{settings.name} report") | {"job_type": "report", "id": None}
    try:
        where["entity"] = where["entity"] or wandb.Api(timeout=10).default_entity
        logged = _logged(ExperimentFiles(settings.results_dir / settings.name), where)
        for view in _views(f"rnnbench {settings.name}", where, logged):
            print(view.save().url)
    except ModuleNotFoundError as error:
        raise SettingError(f"{error.name} is not installed; pip install 'rnnbench[dashboard]'") from error
    except (Exception, KeyboardInterrupt) as error:  # wandb raises a dozen kinds, the second where it asks for a key
        why = one_line(error)[:300] if isinstance(error, Exception) else "stopped; `wandb login` takes a key"
        print(f"rnnbench: W&B has not taken the dashboard ({why})", file=sys.stderr)
        raise SystemExit(1) from error


def _logged(files: Any, where: dict[str, Any]) -> list[str]:
    """Log the figures and tables of the experiment's report; returns their keys."""
    import pandas as pd
    import wandb

    found: dict[str, Any] = {f"figures/{path.stem}": wandb.Image(str(path)) for path in files.figures.glob("*.png")}
    for path in files.folder.glob("*.md"):
        found[f"tables/{path.stem}"] = wandb.Table(dataframe=pd.read_csv(path.with_suffix(".csv")))
    if found:
        with tempfile.TemporaryDirectory() as folder, wandb.init(dir=folder, **where) as run:
            run.log(found)
    return sorted(found)


def _views(name: str, where: dict[str, Any], logged: list[str]) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces.expr import Metric

    from rnnbench.wandb_logging import CURVE

    by: Any = {"groupby": wr.Config(CURVE), "groupby_aggfunc": "mean", "groupby_rangefunc": "minmax",
               "max_runs_to_show": 1000}  # fmt: skip

    def panel(key: str) -> Any:
        if key.startswith("tables/"):
            return wr.WeavePanelSummaryTable(table_name=key)
        if key.startswith(("figures/", "heat_map/")):
            return wr.MediaBrowser(title=key, media_keys=[key])
        return wr.LinePlot(title=key, x="Step", y=[key], log_y="error" not in key, aggregate=True, **by)

    sections = {section: [panel(key) for key in keys] for section, keys in {"Report": logged, **CURVES}.items() if keys}
    sections["Steps and times"] = [wr.BarPlot(title=title, metrics=[key], **by) for title, key in BARS.items()]
    place: Any = {"entity": str(where["entity"]), "project": str(where["project"])}
    of_group = [Metric("Group") == where["group"]]
    bank = [ws.Section(name=section, panels=panels, is_open=True) for section, panels in sections.items()]
    workspace = ws.Workspace(**place, name=name, sections=bank, runset_settings=ws.RunsetSettings(filters=of_group))
    blocks: list[Any] = []
    for section, panels in sections.items():
        blocks += [wr.H2(section), wr.PanelGrid(runsets=[wr.Runset(**place, filters=of_group)], panels=panels)]
    return [workspace, wr.Report(**place, title=name, blocks=blocks, width="fluid")]
