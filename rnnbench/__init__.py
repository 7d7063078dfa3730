"""rnnbench: compare recurrent cells by their gradients through time, speed, size and what they learn.

Packages, each of which imports only those below it:

- `cli`: the command line.
- `claims`: verdicts on the claims of the study notes, an application that no other package imports.
- `report`, `timing`: tables, figures and pages; times of forward and backward passes.
- `runs`: from settings to runs; no Hydra.
- `training`: the training loop and one whole run.
- `recorders`, `probes`, `analysis`: where measurements go, the measurements, and statistics over runs.
- `wandb_logging`: what Weights & Biases gets of a run.
- `model`: layers of a cell, the readout, initialisation and parameter budgets.
- `backends`: ways to run a cell over a sequence.
- `cells`, `tasks`: the equations, and the data that they are tried on; `tasks` is the folder alongside this one.
- `store`: a run on disk, written whole, locked, and read with a check.

Below all of these, without torch and Hydra:

- `schema`: files and columns of a run, its status, and the settings that identify it.
- `errors`: wrong settings and bugs, and how each is reported.
- `gradient_fit`: the straight line through the logarithm of a gradient profile.
- `interruption`: signals that ask a process to stop.
- `process_settings`: settings of the whole process, the same for every run.
- `machine`: the processor that times are measured on, and its load.

The package exports the functions of the Python interface, docs/api.md, each imported when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbench.analysis.archive import load_results as load
    from rnnbench.analysis.comparison import comparison
    from rnnbench.analysis.loss_comparison import loss_comparison
    from rnnbench.analysis.results import results_of
    from rnnbench.analysis.steps_comparison import steps_comparison
    from rnnbench.model.recurrent import Recurrent
    from rnnbench.probes.any_module import gradient_through_time
    from rnnbench.runs.api import run, sweep
    from rnnbench.runs.trained_model import load_model

__version__ = "0.1.0"

__all__ = [
    "Recurrent",
    "comparison",
    "gradient_through_time",
    "load",
    "load_model",
    "loss_comparison",
    "results_of",
    "run",
    "steps_comparison",
    "sweep",
]

_HOMES = {
    "Recurrent": "rnnbench.model.recurrent:Recurrent",
    "comparison": "rnnbench.analysis.comparison:comparison",
    "gradient_through_time": "rnnbench.probes.any_module:gradient_through_time",
    "load": "rnnbench.analysis.archive:load_results",
    "load_model": "rnnbench.runs.trained_model:load_model",
    "loss_comparison": "rnnbench.analysis.loss_comparison:loss_comparison",
    "results_of": "rnnbench.analysis.results:results_of",
    "run": "rnnbench.runs.api:run",
    "sweep": "rnnbench.runs.api:sweep",
    "steps_comparison": "rnnbench.analysis.steps_comparison:steps_comparison",
}


def __getattr__(name: str) -> Any:
    """An export, from its module: importing rnnbench imports neither torch nor pandas."""
    if name not in _HOMES:
        raise AttributeError(f"module rnnbench has no attribute {name}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
