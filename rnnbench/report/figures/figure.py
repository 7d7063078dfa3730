"""What a figure is: results in, one matplotlib figure out."""

from abc import ABC, abstractmethod

from matplotlib.figure import Figure as Canvas

from rnnbench.analysis.results import Results
from rnnbench.report.component import Component
from rnnbench.report.style import CellStyles


class Figure(Component, ABC):
    """Draws results. Derive, name the columns it needs, and draw; the docstring is its caption."""

    def draw(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure, within `paper_style`. Raises SettingError, naming it, when what it needs is missing."""
        with self.checked(results.runs):
            return self.draw_panels(results, styles)

    @abstractmethod
    def draw_panels(self, results: Results, styles: CellStyles) -> Canvas:
        """The figure, of runs that have the columns in `needs`. Raises SettingError when something else is missing."""
