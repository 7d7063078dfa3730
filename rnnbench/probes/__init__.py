"""Probes: measurements made beside training, outside everything that is timed."""

from rnnbench.probes.costs import Costs
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.probes.probe import Measurement, Probe

__all__ = ["Costs", "GradientProfile", "Measurement", "ParameterGradients", "Probe"]
