"""The gradient through time: how strongly the loss depends on the state after each step."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from rnnbench.gradient_fit import fit_gradient, half_life
from rnnbench.model import Model
from rnnbench.probes.probe import Array, Measurement, Probe
from rnnbench.schema import Column
from tasks import Batch, Task


class GradientProfile(Probe):
    """g_t = mean over the batch of the L2 norm of d(loss of that example) / d(state_t).

    The derivative is total, through all later steps and layers, for every step t = 1..T, every layer and every state
    tensor, by the same backward pass as in training and on the model's own backend. Padding steps of an example are
    left out of the mean at that step. Norms are summed in float64, so small gradients do not underflow in the square.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "gradient_decay": Column(
            "slope of log10 g_t against t, top layer's h: what the gradient loses per step back in time; negative when "
            "it grows",
            "decades per step",
        ),
        "gradient_half_life": Column(
            "steps over which that gradient halves, log10(2) / gradient_decay; infinite when it does not decay", "steps"
        ),
    }
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "norm": ("layer", "state", "time_step"),
        "decay": ("layer", "state"),
    }

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        norms = gradient_norms_through_time(model, task, batch)
        decay = np.array([[fit_gradient(profile).decay for profile in states] for states in norms])
        top = float(decay[-1, 0])
        return Measurement(
            {"gradient_decay": top, "gradient_half_life": half_life(top)}, {"norm": norms, "decay": decay}
        )


def gradient_norms_through_time(model: Model, task: Task, batch: Batch) -> Array:
    """g_t for every layer, state tensor and step: (layers, states, T). A state that the loss ignores has 0."""
    steps, examples = batch.inputs.shape[:2]
    cells = model.cells
    norms = torch.zeros(len(cells), len(cells[0].state_names), steps, examples, dtype=torch.float64)

    def record(layer: int, state: int, first: int, gradients: Tensor) -> None:
        values = torch.linalg.vector_norm(gradients.detach().double(), dim=2)
        norms[layer, state, first : first + len(values)] = values.cpu()

    outputs = model.predict(batch, hook=record)
    task.losses(outputs, batch).sum().backward()
    if batch.lengths is None:
        return np.asarray(norms.mean(3).numpy())
    real = torch.arange(steps).unsqueeze(1) < batch.lengths.cpu()
    return np.asarray((norms.where(real, 0).sum(3) / real.sum(1)).numpy())
