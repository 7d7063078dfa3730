"""What a figure is: results in, one matplotlib figure out."""

import inspect
from abc import ABC, abstractmethod

from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.component import Component
from rnnbench.report.labels import prose
from rnnbench.report.style import CellStyles


class Figure(Component, ABC):
    """Draws results. Derive, name the columns it needs, and draw; its docstring is the caption."""

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure, within `paper_style`. Raises SettingError, naming it, when what it needs is missing."""
        with self.checked(results.runs):
            return self.draw_panels(results, styles)

    def caption(self, results: Results) -> list[str]:
        """The paragraphs below the figure: its docstring without arguments, and what is to be said of these results."""
        return [paragraph for paragraph in prose(inspect.getdoc(self) or "") if not paragraph.startswith("`")]

    @abstractmethod
    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure, of runs that have the columns in `needs`. Raises SettingError when something else is missing."""
