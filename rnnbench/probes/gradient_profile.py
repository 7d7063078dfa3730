"""The gradient through time: how strongly the loss depends on the state after each step."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from rnnbench.cells.states import example_norms, scaled_norm
from rnnbench.gradient_fit import EXPONENTIAL_R_SQUARED, SMALLEST, summarise_gradient
from rnnbench.model import Model
from rnnbench.probes.in_double import in_double
from rnnbench.probes.probe import Array, Measurement, Probe
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task

OF_TOP = "of the top layer's whole state"
LOSS_AT: Mapping[int | str, str] = {"all": "all scored steps", "last": "last scored step"}


class GradientProfile(Probe):
    """g_t = mean over the batch of the L2 norm of d(loss of that example) / d(state_t).

    The state is that of one layer, all its tensors together: of an LSTM h and c. The norm of each tensor alone is
    stored as well. The derivative is total, through all later steps and layers, for every step t = 1..T and every
    layer, by the same backward pass as in training and on the model's own backend, but in float64 (see `in_double`), so
    that some 300 decades are measured; a norm below SMALLEST is 0. Padding steps of an example are left out of the
    mean at that step. Of complex numbers both parts count.

    `loss_at` chooses the loss: `last`, of each example's last scored step; `all`, the mean over its scored steps, as in
    training, which hides decay, as steps near every t contribute to g_t; or a step from 1 to T, scored in every
    example.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "gradient_loss_at": Column("the loss behind the gradient through time: of all scored steps, the last, or one"),
        "gradient_precision": Column(
            "the numbers in which it was measured: float64, or float32 where the cell cannot do it; that and an empty "
            "cell: gradients below about 1e-31 were rounded to zero"
        ),
        "gradient_decades_lost": Column(
            f"log10(g_T / g_1) {OF_TOP}, T being the last step with a gradient: decades lost in backpropagation "
            "through the sequence; negative when it grows, infinite when it is too small to measure",
            "decades",
        ),
        "gradient_r_squared": Column(f"R^2 of the straight line through log10 g_t against t, {OF_TOP}"),
        "gradient_decay": Column(
            f"slope of that line where R^2 is at least {EXPONENTIAL_R_SQUARED:g}, else empty: decades lost per step of "
            "backpropagation through time; negative when it grows",
            "decades per step",
        ),
        "gradient_half_life": Column(
            "steps over which that gradient halves, where it decays on a straight line through at least 10 steps and "
            "halves within the sequence, else empty",
            "steps",
        ),
        "gradient_half_life_undefined": Column("why gradient_half_life is empty, where it is"),
    }
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "norm": ("layer", "time_step"),
        "norm_by_state": ("layer", "state", "time_step"),
    }

    def __init__(self, per_decade: Annotated[int, Field(ge=1)] = 3, loss_at: int | str = "last") -> None:
        super().__init__(per_decade)
        if not (loss_at in ("all", "last") or (isinstance(loss_at, int) and loss_at >= 1)):
            raise ValueError(f"loss_at={loss_at}: must be all, last or a step, from 1 on")
        self.loss_at = loss_at

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        norms = gradient_norms_through_time(model, task, batch, self.loss_at)
        return Measurement(
            {
                "gradient_loss_at": LOSS_AT.get(self.loss_at, f"step {self.loss_at}"),
                "gradient_precision": norms.precision,
                **summarised(norms.whole_state[-1]),
            },
            {"norm": norms.whole_state, "norm_by_state": norms.by_state},
        )


class GradientNorms(NamedTuple):
    """g_t for every layer and step: of the whole state (layers, T), and of each state tensor (layers, states, T)."""

    whole_state: Array
    by_state: Array
    precision: str
    """float64, or what a model computes in that cannot do it."""


def gradient_norms_through_time(model: Model, task: Task, batch: Batch, loss_at: int | str = "last") -> GradientNorms:
    """The norms of the gradient at every step; 0 where the loss does not depend on the state, NaN at padding steps.

    Raises ValueError when `loss_at` is a step that some example does not score.
    """
    model, batch = in_double(model, task, batch)
    steps, examples = batch.inputs.shape[:2]
    cells, dtype = model.cells, model.readout.weight.dtype
    norms = torch.zeros(len(cells), len(cells[0].state_names), steps, examples, dtype=torch.float64)

    def record(layer: int, state: int, first: int, gradients: Tensor) -> None:
        norms[layer, state, first : first + len(gradients)] = example_norms(gradients, 2).cpu()

    losses_at(loss_at, task, model.predict(batch, hook=record), batch).sum().backward()
    real = batch.real.cpu()

    def mean(values: Tensor) -> Array:
        found = np.asarray((values.where(real, 0).sum(-1) / real.sum(1)).numpy())
        return np.where(found < SMALLEST, 0.0, found) if dtype == torch.float64 else found

    whole = mean(scaled_norm(norms, 1))
    return GradientNorms(whole, mean(norms), str(dtype).removeprefix("torch."))


def losses_at(
    loss_at: int | str, task: Task, outputs: Float[Tensor, "scored_time batch output"], batch: Batch
) -> Float[Tensor, " batch"]:
    """The loss of each example at the step or steps that `loss_at` names."""
    if loss_at == "all":
        return task.losses(outputs, batch)
    losses = task.step_losses(outputs, batch.targets)
    scored = torch.ones_like(losses, dtype=torch.bool) if batch.scored is None else batch.scored
    numbers = torch.arange(len(scored), device=scored.device).unsqueeze(1)
    if isinstance(loss_at, str):
        chosen = numbers == numbers.where(scored, -1).amax(0)
    else:
        first = len(batch.inputs) - len(scored) + 1
        chosen = numbers == loss_at - first
        if not (chosen & scored).any(0).all():
            raise ValueError(f"loss_at={loss_at}: must be a step with a target in every example; {first} is the first")
    return losses.where(chosen, 0).sum(0)


def summarised(norms: Float[np.ndarray, " time_step"]) -> dict[str, float | str]:
    """The columns of one profile g_1 .. g_T."""
    found = summarise_gradient(norms)
    return {
        "gradient_decades_lost": found.decades_lost,
        "gradient_r_squared": found.r_squared,
        "gradient_decay": found.decay,
        "gradient_half_life": found.half_life.steps,
        "gradient_half_life_undefined": str(found.half_life.reason or ""),
    }
