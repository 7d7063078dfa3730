"""Tables: one file each, made from the results alone."""

from rnnbench.report.tables.claims import Claims
from rnnbench.report.tables.comparison import Comparison
from rnnbench.report.tables.gradient_decay import GradientDecay
from rnnbench.report.tables.paired_differences import PairedDifferences
from rnnbench.report.tables.scores import Scores
from rnnbench.report.tables.solvable_lengths import SolvableLengths
from rnnbench.report.tables.speed import Speed
from rnnbench.report.tables.table import Table
from rnnbench.report.tables.tuned_settings import TunedSettings

__all__ = [
    "Claims",
    "Comparison",
    "GradientDecay",
    "PairedDifferences",
    "Scores",
    "SolvableLengths",
    "Speed",
    "Table",
    "TunedSettings",
]
