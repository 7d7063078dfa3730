"""What a cell does when a gate is fully open or closed, and how large its state gets with any weights."""

import copy
import itertools
import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.model import Model
from rnnbench.probes.forced_gates import ForcedGates
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.probes.retention import retention
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task

SCALES = (0.1, 1.0, 10.0, 100.0)
RANDOM_STEPS = 100


class GateLimits(Probe):
    """Gates held at exactly 0 and 1 (see `forced_gates`), on the first layer's cell with one state tensor.

    The update gate is the sigmoid that, held at 0 or at 1, makes the step copy the state. The reset gate is the sigmoid
    whose value decides, while the update gate takes the candidate alone, whether the next state depends on the old one
    at all. A cell without such a gate leaves their columns empty. Inputs are those of the probe batch's first step,
    states are drawn from U(-1, 1). Measured once, at the initial weights: the equations make it hold for any weights.
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
            generator = torch.Generator().manual_seed(0)
            one, other = (_uniform(len(x), cell, generator) for _ in range(2))
            scalars |= update_gate(cell, x, one)
            if "update_gate_copy_value" in scalars:
                scalars |= reset_gate(cell, x, one, other)
        return Measurement({name: value for name, value in scalars.items() if name in self.columns})


def update_gate(cell: Cell, x: Float[Tensor, "batch input"], h: Float[Tensor, "batch hidden"]) -> dict[str, float]:
    """The update gate's columns and, as `update_gate`, which sigmoid it is; empty where none copies the state."""
    for gate, value in itertools.product(range(len(retention(cell, x, (h,)).gates)), (0.0, 1.0)):
        error = float((_step(cell, x, h, {gate: value}) - h).abs().max())
        if error < 1e-6:
            with ForcedGates({gate: 1 - value}):
                (kept,) = retention(cell, x, (h,)).kept
            return {
                "update_gate": gate,
                "update_gate_copy_value": value,
                "update_gate_copy_error": error,
                "update_gate_leakage": 0.0 if kept is None else float(kept.abs().max()),
            }
    return {}


def reset_gate(
    cell: Cell,
    x: Float[Tensor, "batch input"],
    one: Float[Tensor, "batch hidden"],
    other: Float[Tensor, "batch hidden"],
) -> dict[str, float]:
    """The reset gate's columns, measured from two old states; empty where no gate decides."""
    found = update_gate(cell, x, one)
    update, new = int(found["update_gate"]), 1 - found["update_gate_copy_value"]

    def difference(gate: int, value: float) -> float:
        forced = {update: new, gate: value}
        return float((_step(cell, x, one, forced) - _step(cell, x, other, forced)).abs().max())

    for gate in set(range(len(retention(cell, x, (one,)).gates))) - {update}:
        effect = {value: difference(gate, value) for value in (0.0, 1.0)}
        ignoring = min(effect, key=lambda value: effect[value])
        if effect[ignoring] < 1e-6 < effect[1 - ignoring]:
            return {
                "reset_gate_ignore_value": ignoring,
                "reset_gate_state_effect": effect[ignoring],
                "reset_gate_state_effect_opposite": effect[1 - ignoring],
            }
    return {}


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


def _step(cell: Cell, x: Tensor, h: Tensor, forced: Mapping[int, float]) -> Tensor:
    with ForcedGates(forced):
        return cell.step(x, (h,))[0]


def _uniform(examples: int, cell: Cell, generator: torch.Generator) -> Tensor:
    like = next(cell.parameters())
    drawn = 2 * torch.rand(examples, cell.hidden_size, generator=generator) - 1
    return drawn.to(like.device, like.dtype)
