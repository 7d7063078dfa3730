"""Figures: one file each, drawn from the results alone."""

from rnnbench.report.figures.cost import Cost
from rnnbench.report.figures.figure import Figure
from rnnbench.report.figures.gradient_norms import GradientNorms
from rnnbench.report.figures.learning_curves import LearningCurves

__all__ = ["Cost", "Figure", "GradientNorms", "LearningCurves"]
