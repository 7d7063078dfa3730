"""The gradient of the loss with respect to the weights, by what they act on."""

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from rnnbench.cells.states import in_double as widened
from rnnbench.model import Model
from rnnbench.model.parameter_roles import parameter_roles
from rnnbench.probes.in_double import in_double
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task


class ParameterGradients(Probe):
    """The L2 norm of the gradient of the mean loss, before clipping: all weights, and each of three groups.

    A cell's weights are recurrent when they multiply something computed from the state, and input otherwise.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "gradient_norm_total": Column("L2 norm of the gradient of all parameters, on the probe batch, before clipping"),
        "gradient_norm_input": Column("the same of the cells' parameters that act on the input, biases included"),
        "gradient_norm_recurrent": Column("the same of the cells' parameters that act on the state"),
        "gradient_norm_readout": Column("the same of the readout's parameters"),
    }

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        model, batch = in_double(model, task, batch)
        model.zero_grad()
        outputs = model.predict(batch)
        task.mean_loss(outputs, batch).backward()
        groups: dict[str, list[Tensor]] = {"input": [], "recurrent": [], "readout": list(model.readout.parameters())}
        embedding = [] if model.embedding is None else [_gradient_norm(model.embedding.parameters())]
        for cell in model.cells:
            roles = parameter_roles(cell)
            for name, parameter in cell.named_parameters():
                groups[roles[name]].append(parameter)
        norms = {group: _gradient_norm(parameters) for group, parameters in groups.items()}
        total = math.hypot(*norms.values(), *embedding)
        return Measurement(
            {"gradient_norm_total": total, **{f"gradient_norm_{group}": norm for group, norm in norms.items()}}
        )


def _gradient_norm(parameters: Iterable[Tensor]) -> float:
    gradients = [widened(parameter.grad) for parameter in parameters if parameter.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))
