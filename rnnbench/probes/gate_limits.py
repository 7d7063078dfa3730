"""What a cell does when a gate is fully open or closed, and how large its state gets with any weights."""

import copy
import math
from collections.abc import Mapping
from itertools import product
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.model import Model
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.probes.retention import retention
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task

SCALES = (0.1, 1.0, 10.0, 100.0)
RANDOM_STEPS = 100
EXACT = 1e-6
"""A difference of two states below this is none."""


class GateLimits(Probe):
    """Gates held at exactly 0 and 1 (see `retention`), on the first layer's cell with one state tensor.

    The update gate is the sigmoid that, held at 0 or at 1, makes the step copy the state. The reset gate is the one
    whose value decides, while the update gate takes the candidate alone, whether the next state depends on the old one.
    Columns of a gate that the cell lacks stay empty. Inputs are those of the probe batch's first step, states are drawn
    from U(-1, 1). Measured at the initial weights alone: the equations make it hold for any.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "update_gate_copy_value": Column("value of the update gate, 0 or 1, at which the step copies the state"),
        "update_gate_copy_error": Column("largest |h' - h| of any unit at that value"),
        "update_gate_leakage": Column(
            "largest fraction of its old value that any unit keeps at the opposite value, candidate fixed"
        ),
        "reset_gate_ignore_value": Column(
            "value of the reset gate, 0 or 1, at which the candidate ignores the old state"
        ),
        "reset_gate_state_effect": Column(
            "largest difference between the next states from two old states at that value, the update gate held where "
            "only the candidate enters"
        ),
        "reset_gate_state_effect_opposite": Column("the same at the opposite value of the reset gate"),
        "largest_h_random_weights": Column(
            f"largest |h| of any unit over {RANDOM_STEPS} steps of noise, with all weights drawn from N(0, s^2) for s "
            f"in {', '.join(map(str, SCALES))}"
        ),
    }

    def due(self, step: int, last: bool) -> bool:
        return step == 0

    @torch.no_grad()
    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        cell, x = model.cells[0], model.embedded(batch.inputs[:1])[0]
        scalars = {"largest_h_random_weights": largest_with_random_weights(cell, len(x))}
        if len(cell.state_names) == 1:
            scalars |= _gates(cell, x)
        return Measurement(scalars)


def _gates(cell: Cell, x: Float[Tensor, "batch input"]) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    drawn = 2 * torch.rand(2, len(x), cell.hidden_size, generator=generator) - 1
    one, other = drawn.to(cell.zeros(0))
    gates = range(len(retention(cell, x, (one,)).gates))

    def after(h: Tensor, forced: Mapping[int, float]) -> Tensor:
        return retention(cell, x, (h,), forced).state[0]

    errors = {held: float((after(one, dict([held])) - one).abs().max()) for held in product(gates, (0.0, 1.0))}
    copying = next((each for each, error in errors.items() if error < EXACT), None)
    if copying is None:
        return {}
    update, value = copying
    released = {update: 1 - value}
    (kept,) = retention(cell, x, (one,), released).kept
    found = {
        "update_gate_copy_value": value,
        "update_gate_copy_error": errors[copying],
        "update_gate_leakage": 0.0 if kept is None else float(kept.abs().max()),
    }
    for gate in set(gates) - {update}:
        held = [{**released, gate: value} for value in (0.0, 1.0)]
        effects = [float((after(one, each) - after(other, each)).abs().max()) for each in held]
        ignoring = effects.index(min(effects))
        if effects[ignoring] < EXACT < effects[1 - ignoring]:
            return found | {
                "reset_gate_ignore_value": float(ignoring),
                "reset_gate_state_effect": effects[ignoring],
                "reset_gate_state_effect_opposite": effects[1 - ignoring],
            }
    return found


def largest_with_random_weights(cell: Cell, examples: int) -> float:
    """The largest |h| over sequences of noise with weights of every scale; infinite when the state overflows."""
    generator = torch.Generator().manual_seed(0)
    drawn, largest = copy.deepcopy(cell).cpu(), 0.0
    for scale in SCALES:
        for parameter in drawn.parameters():
            parameter.normal_(0, scale, generator=generator)
        state = drawn.initial_state(examples)
        for _ in range(RANDOM_STEPS):
            x = torch.randn(examples, drawn.input_size, generator=generator)
            state = drawn.step(x.to(state[0].dtype), state)
            size = float(state[0].abs().max())
            if not math.isfinite(size):
                return math.inf
            largest = max(largest, size)
    return largest
