"""Probes: measurements made beside training, outside everything that is timed."""

from rnnbench.probes.costs import Costs
from rnnbench.probes.gate_limits import GateLimits
from rnnbench.probes.gate_statistics import GateStatistics
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.probes.state_jacobian import StateJacobian

__all__ = [
    "Costs",
    "GateLimits",
    "GateStatistics",
    "GradientProfile",
    "Measurement",
    "ParameterGradients",
    "Probe",
    "StateJacobian",
]
