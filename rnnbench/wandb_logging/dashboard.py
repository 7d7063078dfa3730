"""The workspace of an experiment: curves with mean and range over seeds, gradients, steps to solve, times, tuning."""

from collections.abc import Sequence

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces import expr

from rnnbench.wandb_logging.content import CURVE

MOST_RUNS = 1000
"""Runs that a panel draws; W&B's own default is 10."""
STEPS_BACK = (1, 4, 16, 64)
"""Of the gradient through time, the steps before its end that have a panel each."""


def workspace(
    experiment: str, entity: str, project: str, group: str, *, tuned: Sequence[str] = (), profile: str = "norm"
) -> ws.Workspace:
    """The workspace, to be saved: panels of the group's runs, grouped by cell and task."""
    sections = [
        ws.Section(
            name="Learning curves",
            panels=[
                _curve("validation/loss", "Validation loss"),
                _curve("train/loss", "Training loss"),
                _curve("validation/error_rate", "Validation examples with an error", log_y=False),
            ],
            is_open=True,
        ),
        ws.Section(
            name="Gradient through time",
            panels=[
                _curve(f"profile/{profile}_{back}_steps_back", f"Gradient {back} steps before the end")
                for back in STEPS_BACK
            ]
            + [_curve("gradient/norm", "Gradient of all weights, before clipping"), _profiles(profile)],
            is_open=True,
        ),
        ws.Section(
            name="Steps and times",
            panels=[
                _bars("steps_to_solve", "Training steps to solve"),
                _bars("test_loss", "Test loss"),
                _bars("step_time_s", "Median training step, s"),
                _bars("tokens_per_second", "Sequence steps per second"),
            ],
            is_open=True,
        ),
    ]
    if tuned:
        sections.append(ws.Section(name="Tuning", panels=[_parallel(tuned)], is_open=True))
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"rnnbench {experiment}",
        sections=sections,
        settings=ws.WorkspaceSettings(max_runs=MOST_RUNS),
        runset_settings=ws.RunsetSettings(
            filters=[expr.Metric("Group") == group, expr.Metric("JobType") != "report"],
            pinned_columns=[f"config:{CURVE}.value", "summary:steps_to_solve", "summary:test_loss"],
        ),
    )


def _curve(key: str, title: str, log_y: bool = True) -> wr.LinePlot:
    return wr.LinePlot(
        title=title,
        x="Step",
        y=[key],
        log_y=log_y,
        groupby=wr.Config(CURVE),
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        aggregate=True,
        max_runs_to_show=MOST_RUNS,
        title_x="training steps",
    )


def _bars(key: str, title: str) -> wr.BarPlot:
    return wr.BarPlot(
        title=title,
        metrics=[key],
        groupby=wr.Config(CURVE),
        groupby_aggfunc="mean",
        groupby_rangefunc="minmax",
        aggregate=True,
        max_runs_to_show=MOST_RUNS,
    )


def _profiles(profile: str) -> wr.CustomChart:
    """The whole profiles, as each run's chart has them."""
    return wr.CustomChart(
        query={"summaryTable": {"tableKey": f"charts/gradient_profile_{profile}_table"}},
        chart_name="wandb/lineseries/v0",
        chart_fields={"step": "step", "lineKey": "lineKey", "lineVal": "lineVal"},
        chart_strings={"title": "log10 of the gradient through time, by training step", "xname": "time step"},
    )


def _parallel(tuned: Sequence[str]) -> wr.ParallelCoordinatesPlot:
    column = wr.ParallelCoordinatesPlotColumn
    return wr.ParallelCoordinatesPlot(
        title="Tuned settings and what came of them",
        columns=[
            column(metric=wr.Config(CURVE), display_name="cell and task"),
            *(column(metric=wr.Config(setting), display_name=setting, log=True) for setting in tuned),
            column(metric=wr.SummaryMetric("steps_to_solve")),
            column(metric=wr.SummaryMetric("test_loss"), log=True),
        ],
    )
