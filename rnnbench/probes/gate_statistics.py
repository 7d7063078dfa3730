"""How long units retain their values, how saturated the gates are, and how large the state gets."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnnbench.cells import Cell
from rnnbench.model import Model
from rnnbench.probes.in_double import in_double
from rnnbench.probes.probe import Array, Measurement, Probe
from rnnbench.probes.retention import retention
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task

CLOSED, OPEN = 0.1, 0.9
"""Bounds of a saturated gate, as in Karpathy et al. (2016)."""


class GateStatistics(Probe):
    """Time constants and gate saturation, over all real steps of the probe batch, in every layer.

    A unit keeps the fraction k_t of its old value at step t, gates and candidate fixed (see `retention`): 1 - z in a
    GRU, f in an LSTM's c. Its time constant is -1 / log(mean |k_t|) steps, the mean over steps and examples: the time
    after which 1/e of its value is left, were k_t independent from step to step. It is infinite where nothing is lost,
    and NaN for a state tensor without a direct path, as in a vanilla RNN. Units are all numbers of a state tensor, a
    complex one by its size; where tensors differ in size, the array `time_constant` ends in NaN.

    The gates are the sigmoids that `step` computes, in that order, a sigmoid candidate included. `gate_mean`,
    `gate_closed` and `gate_open` are, at each time step, a gate's mean and the fractions of its values that are closed
    and open, over its units and the examples that have the step; NaN where none has. Cost: one forward pass over the
    batch, step by step, in float64, so that 1 - z is not rounded to 1.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "time_constant": Column(
            "median over the units of all layers of -1 / log(mean fraction of its old value that the unit keeps from "
            "step to step); empty for a cell without a direct path from old to new state",
            "steps",
        ),
        "time_constant_lower_quartile": Column("lower quartile of the units' time constants", "steps"),
        "time_constant_upper_quartile": Column("upper quartile of the units' time constants", "steps"),
        "time_constant_beyond_sequence_fraction": Column(
            "fraction of those units whose time constant is at least the length of the probe batch's sequences, "
            "padding included"
        ),
        "gate_closed_fraction": Column(
            f"fraction of the cells' sigmoid values (gates, and a sigmoid candidate) below {CLOSED}; empty without any"
        ),
        "gate_open_fraction": Column(f"fraction of them above {OPEN}"),
        "largest_h": Column("largest |h| of any unit, layer, step and example of the probe batch"),
    }
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "time_constant": ("layer", "state", "unit"),
        "gate_closed_fraction": ("layer", "gate_unit"),
        "gate_open_fraction": ("layer", "gate_unit"),
        "gate_mean": ("layer", "gate", "time_step"),
        "gate_closed": ("layer", "gate", "time_step"),
        "gate_open": ("layer", "gate", "time_step"),
        "largest": ("layer", "state"),
    }

    @torch.no_grad()
    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        model, batch = in_double(model, task, batch)
        layers, inputs = [], model.embedded(batch.inputs)
        for cell in model.cells:
            measured, inputs = layer_statistics(cell, inputs, batch.real)
            layers.append(measured)
        arrays = {name: _stacked([layer[name] for layer in layers]) for name in self.axes}
        carried = arrays["time_constant"][~np.isnan(arrays["time_constant"])]
        # Each is one of the values, as some may be infinite.
        lower, median, upper = (
            np.quantile(carried, [0.25, 0.5, 0.75], method="inverted_cdf").tolist() if carried.size else [math.nan] * 3
        )
        return Measurement(
            {
                "time_constant": median,
                "time_constant_lower_quartile": lower,
                "time_constant_upper_quartile": upper,
                "time_constant_beyond_sequence_fraction": _mean((carried >= len(inputs)).astype(float)),
                "gate_closed_fraction": _mean(arrays["gate_closed_fraction"]),
                "gate_open_fraction": _mean(arrays["gate_open_fraction"]),
                "largest_h": float(arrays["largest"][:, 0].max()),
            },
            arrays,
        )


def layer_statistics(
    cell: Cell, inputs: Float[Tensor, "time batch input"], real: Bool[Tensor, "time batch"]
) -> tuple[dict[str, Array], Float[Tensor, "time batch hidden"]]:
    """One layer's part of every array, over the real steps, and its outputs h."""
    state = cell.initial_state(inputs.shape[1])
    outputs, kept, closed, opened, largest, over_time = [], [], [], [], [], []
    for x, now in zip(inputs, real.unsqueeze(2), strict=True):
        step = retention(cell, x, state)
        state = step.state
        sizes, gates = [_sizes(tensor) for tensor in state], [_of_examples(gate, len(x)) for gate in step.gates]
        side_by_side = torch.cat([state[0][:, :0], *gates], dim=1)
        outputs.append(state[0])
        fractions = zip(step.kept, sizes, strict=True)
        kept.append([
            (torch.full_like(size, torch.nan) if fraction is None else _sizes(fraction)).where(now, 0).sum(0)
            for fraction, size in fractions
        ])  # fmt: skip
        closed.append(((side_by_side < CLOSED) & now).double().sum(0))
        opened.append(((side_by_side > OPEN) & now).double().sum(0))
        over_time.append([_over_units(gate[now[:, 0]]) for gate in gates])
        largest.append(torch.stack([size.where(now, 0).amax() for size in sizes]))

    def mean(sums: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(sums)).sum(0) / real.sum()

    of_states = [time_constants(mean(sums)) for sums in zip(*kept, strict=True)]
    measured = {
        "time_constant": nn.utils.rnn.pad_sequence(of_states, batch_first=True, padding_value=torch.nan),
        "gate_closed_fraction": mean(closed),
        "gate_open_fraction": mean(opened),
        "largest": torch.stack(largest).amax(0),
    }
    arrays = {name: np.asarray(value.cpu().numpy()) for name, value in measured.items()}
    shares = np.array(over_time).reshape(len(inputs), len(step.gates), 3).transpose(2, 1, 0)
    return arrays | dict(zip(("gate_mean", "gate_closed", "gate_open"), shares, strict=True)), torch.stack(outputs)


def time_constants(kept: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """-1 / log(fraction kept per step), in steps: 0 where nothing is kept, infinite where nothing is lost."""
    return (-1 / kept.log()).where(~(kept >= 1), torch.inf)


def _sizes(tensor: Tensor) -> Float[Tensor, "batch unit"]:
    return tensor.reshape(len(tensor), -1).abs().double()


def _of_examples(gate: Tensor, examples: int) -> Float[Tensor, "batch gate_unit"]:
    """The gate; one that does not depend on the example, such as a learned constant, is repeated."""
    return gate.reshape(examples, -1) if gate.dim() > 2 else gate.expand(examples, -1)


def _over_units(values: Float[Tensor, "batch unit"]) -> tuple[float, float, float]:
    return float(values.mean()), float((values < CLOSED).double().mean()), float((values > OPEN).double().mean())


def _stacked(arrays: list[Array]) -> Array:
    """One array of all layers; layers with fewer units than others end in NaN."""
    whole = np.full((len(arrays), *np.max([array.shape for array in arrays], axis=0)), math.nan)
    for layer, array in zip(whole, arrays, strict=True):
        layer[..., : array.shape[-1]] = array
    return whole


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else math.nan
