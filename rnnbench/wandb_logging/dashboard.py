"""The workspace of an experiment: curves with mean and range over seeds, gradients, steps to solve, times."""

from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces import expr

from rnnbench.wandb_logging.content import CHART, CURVE

MOST_RUNS = 1000
"""Runs that a panel draws; W&B's own default is 10."""
STEPS_BACK = (1, 4, 16, 64)
"""Of the gradient through time, the steps before its end that have a panel each."""
BARS = {
    "steps_to_solve": "Training steps to solve",
    "test_loss": "Test loss",
    "step_time_s": "Median training step, s",
    "tokens_per_second": "Sequence steps per second",
}
GROUPED: dict[str, Any] = {
    "groupby": wr.Config(CURVE),
    "groupby_aggfunc": "mean",
    "groupby_rangefunc": "minmax",
    "aggregate": True,
    "max_runs_to_show": MOST_RUNS,
}


def workspace(experiment: str, entity: str, project: str, group: str) -> ws.Workspace:
    """The workspace, to be saved: panels of the group's runs, grouped by cell and task."""
    sections = {
        "Learning curves": [
            _curve("validation/loss", "Validation loss"),
            _curve("train/loss", "Training loss"),
            _curve("validation/error_rate", "Validation examples with an error", log_y=False),
        ],
        "Gradient through time": [
            *(
                _curve(f"profile/norm_{back}_steps_back", f"Gradient {back} steps before the end")
                for back in STEPS_BACK
            ),
            _curve("gradient/norm", "Gradient of all weights, before clipping"),
            wr.CustomChart(
                query={"summaryTable": {"tableKey": "charts/gradient_profile_norm_table"}},
                chart_name="wandb/lineseries/v0",
                chart_fields=CHART,
                chart_strings={"title": "log10 of the gradient through time", "xname": "time step"},
            ),
        ],
        "Steps and times": [wr.BarPlot(title=title, metrics=[key], **GROUPED) for key, title in BARS.items()],
    }
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"rnnbench {experiment}",
        sections=[ws.Section(name=name, panels=panels, is_open=True) for name, panels in sections.items()],
        settings=ws.WorkspaceSettings(max_runs=MOST_RUNS),
        runset_settings=ws.RunsetSettings(
            filters=[expr.Metric("Group") == group],
            pinned_columns=[f"config:{CURVE}.value", "summary:steps_to_solve", "summary:test_loss"],
        ),
    )


def _curve(key: str, title: str, log_y: bool = True) -> wr.LinePlot:
    return wr.LinePlot(title=title, x="Step", y=[key], log_y=log_y, title_x="training steps", **GROUPED)
