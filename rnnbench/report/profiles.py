"""The gradient profiles of runs at initialisation and after training, as figures draw them, and what they show."""

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from rnnbench.analysis.gradient_profile import PRECISION, PROBE, relative_gradients, smallest_norm
from rnnbench.analysis.results import Results
from rnnbench.errors import SettingError
from rnnbench.report import drawing
from rnnbench.report.component import Figure
from rnnbench.report.labels import loss_behind_gradient
from rnnbench.report.sentences import by_line, signs
from rnnbench.schema import Status

BEFORE, AFTER = "at initialisation", "after training"
NONE = "needs gradient profiles, which no run has; add probe=[gradient_profile]"
USED = ("run", "status", "steps_trained", PRECISION)

Profiles = dict[str, Float[np.ndarray, " time_step"]]
"""log10(g_t / g_T) by run."""


def relative_profiles(results: Results, tensors: Sequence[int | None] = (None,)) -> list[dict[str, Profiles]]:
    """The profiles by moment: before training of all runs, after it of those that trained to their end.

    Of each tensor of the state alone, of cells with several; None stands for the whole state. Raises SettingError when
    no run has any of the first.
    """
    found: list[dict[str, Profiles]] = [{BEFORE: {}, AFTER: {}} for _ in tensors]
    for run in results.runs[[name for name in USED if name in results.runs]].to_dict("records"):
        if not (arrays := results.source.probe(run["run"], PROBE)):
            continue
        trained = run["status"] == Status.DONE and run["steps_trained"] > 0
        for tensor, of_tensor in zip(tensors, found, strict=True):
            before, after = relative_gradients(arrays, smallest_norm(run), [0, -1], tensor)
            if not np.isnan(before).all():
                of_tensor[BEFORE][run["run"]] = before
            if trained and not np.isnan(after).all():
                of_tensor[AFTER][run["run"]] = after
    if not any(found[0].values()):
        raise SettingError(NONE)
    return found


def moment_rows(
    titles: Sequence[str], moments: Sequence[str], row_height: float, xlabel: str = "", ylabel: str = ""
) -> tuple[drawing.Canvas, list[list[Axes]]]:
    """A canvas with a row of panels for each title, one for each moment."""
    named = [f"{title}, {moment}" for title in titles for moment in moments]
    canvas, panels = drawing.grid(named, False, xlabel, ylabel, columns=len(moments), row_height=row_height)
    return canvas, [panels[first : first + len(moments)] for first in range(0, len(panels), len(moments))]


class GradientFigure(Figure, ABC):
    """A figure of gradients through time. Its caption says of which loss they are, and where they vanish or grow."""

    told: ClassVar[tuple[str, ...]] = (AFTER, BEFORE)
    """The moments that the finding is of: the first at which gradients were measured."""

    def caption(self, results: Results) -> list[str]:
        what, *rest = super().caption(results)
        return [f"{what} Gradients are of {loss_behind_gradient(results.runs)}.", *rest]

    def finding(self, results: Results) -> list[str]:
        """Of which cells and variants the gradient at the first step is larger than at the last, or smaller."""
        (profiles,) = relative_profiles(results)
        moment = next((each for each in self.told if profiles[each]), BEFORE)
        growth = by_line(results.runs, {run: float(of[0]) for run, of in profiles[moment].items()})
        what = f"The gradient on its way back, by its decades from the last step to the first {moment}"
        return signs(what, growth, ("grows in", "vanishes in", "neither is seen in"))
