"""Figures: one file each, drawn from the results alone."""

from rnnbench.report.figures.cost import Cost
from rnnbench.report.figures.decay_by_gain import DecayByGain
from rnnbench.report.figures.equal_budget import EqualBudget
from rnnbench.report.figures.figure import Figure
from rnnbench.report.figures.gradient_heat_map import GradientHeatMap
from rnnbench.report.figures.gradient_norms import GradientNorms
from rnnbench.report.figures.horizon import Horizon
from rnnbench.report.figures.learning_curves import LearningCurves
from rnnbench.report.figures.learning_rate_sensitivity import LearningRateSensitivity
from rnnbench.report.figures.paired_differences import PairedDifferences
from rnnbench.report.figures.performance_profiles import PerformanceProfiles
from rnnbench.report.figures.speed import Speed

__all__ = [
    "Cost",
    "DecayByGain",
    "EqualBudget",
    "Figure",
    "GradientHeatMap",
    "GradientNorms",
    "Horizon",
    "LearningCurves",
    "LearningRateSensitivity",
    "PairedDifferences",
    "PerformanceProfiles",
    "Speed",
]
