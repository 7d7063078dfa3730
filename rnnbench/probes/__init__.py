"""Probes: measurements made alongside training, never within the time that a training step is given.

A concrete probe is imported from its own module (`rnnbench.probes.costs.Costs`), which its YAML in conf/probe names.
The package exports what all of them share:

- `probe`: the base class.
- `in_double`: a model and a batch in float64, for measurements.
- `retention`: what probes of gates observe in one call of a cell's `step`.
- `any_module`: the gradient through time of any torch module; `recorded_states`: the states that layers had, and the
  losses' gradients with respect to them.
"""

from rnnbench.probes.probe import Measurement, Probe

__all__ = ["Measurement", "Probe"]
