"""When probes are due, and that each measures cells with states of any form and leaves the model as it was."""

import pytest
import torch

from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.probes import Probe
from rnnbench.probes.costs import Costs
from rnnbench.probes.gate_limits import GateLimits
from rnnbench.probes.gate_statistics import GateStatistics
from rnnbench.probes.gradient_profile import GradientProfile
from rnnbench.probes.parameter_gradients import ParameterGradients
from rnnbench.probes.state_jacobian import StateJacobian
from rnnbench.tasks.adding import Adding
from tests.probes.references import ODD, model_of

TASK = Adding(length=6)


@pytest.mark.parametrize("kind", [Gru, *ODD], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    "probe", [Costs, GradientProfile, GateStatistics, GateLimits, ParameterGradients, StateJacobian]
)
def test_every_probe_measures_every_kind_of_state(kind: type[Cell], layers: int, probe: type[Probe]) -> None:
    model = model_of(kind, 4, layers, backend="eager")
    batch = TASK.draw(3, torch.Generator().manual_seed(1))
    before, generator = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    first, second = (probe().measure(model, TASK, batch) for _ in range(2))
    assert set(first.scalars) <= set(probe.columns)
    assert set(first.arrays) == set(probe.axes)
    assert all(array.shape[0] == layers for array in first.arrays.values())
    assert repr(dict(first.scalars)) == repr(dict(second.scalars))  # where NaN is NaN
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def due_steps(per_decade: int, steps: int) -> list[int]:
    probe = GradientProfile(per_decade=per_decade)
    return [step for step in range(steps + 1) if probe.due(step, last=step == steps)]


def test_due_by_hand() -> None:
    # 10^(1/3) = 2.15, 10^(2/3) = 4.64, and so on for each decade; 150 is the last step.
    assert due_steps(3, 150) == [0, 1, 2, 5, 10, 22, 46, 100, 150]
    assert due_steps(1, 999) == [0, 1, 10, 100, 999]
    assert [due_steps(3, steps) for steps in (0, 1, 3)] == [[0], [0, 1], [0, 1, 2, 3]]
    assert [step for step in range(200) if Costs().due(step, last=step == 199)] == [0]
