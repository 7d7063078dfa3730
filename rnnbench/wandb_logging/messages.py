"""The messages to the process that talks to W&B, which `rnnbench.wandb_logging.worker` carries out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnbench.schema import MEASURED
from rnnbench.wandb_logging import content
from rnnbench.wandb_logging.content import Arrays


def starting(
    folder: Path,
    experiment: str,
    identity: str,
    mode: str,
    timeout_s: float,
    init: Mapping[str, Any],
    *,
    fallback: bool = True,
) -> dict[str, Any]:
    """The message with which a session of a run begins. `fallback`: go on offline when W&B cannot be reached."""
    return {
        "do": "start",
        "run": folder.name,
        "experiment": experiment,
        "mode": mode,
        "folder": str(folder.resolve()),
        "timeout_s": timeout_s,
        "fallback": fallback,
        "init": {
            **({} if os.environ.get("WANDB_SWEEP_ID") else {"id": identity}),  # W&B's agent has chosen one
            "name": folder.name,
            **init,
        },
    }


def ending(
    step: int,
    summary: Mapping[str, Any],
    arrays: Mapping[str, Sequence[tuple[int, Arrays]]],
    axes: Mapping[str, Mapping[str, tuple[str, ...]]],
) -> dict[str, Any]:
    """The message with which a run ends."""
    return {
        "do": "finish",
        "step": step,
        "summary": content.results(summary),
        "tables": content.tables(arrays, axes),
        "charts": content.charts(arrays, axes),
        "exit_code": 0 if summary["status"] in MEASURED else 1,
    }
