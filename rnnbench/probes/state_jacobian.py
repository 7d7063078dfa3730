"""How one step amplifies changes of the state: singular values and Lyapunov exponents of the state-to-state map."""

import copy
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Shaped
from pydantic import Field
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.cells.states import double_cell, flattened, unflattened
from rnnbench.model import Model
from rnnbench.probes.probe import Array, Measurement, Probe
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task


class StateJacobian(Probe):
    """J_t = d state_t / d state_{t-1}, the input of step t held, along the trajectories of a few examples.

    The state is all state tensors of a layer side by side, S real numbers, two of each complex one. Every layer is a
    system of its own, driven by the inputs it receives: the layers below do not depend on its state, so the Lyapunov
    exponents of the whole stack are those of its layers together. The stack's singular values are not.

    - norm: the largest singular value of J_t, the largest factor by which one step amplifies a small change.
    - Lyapunov exponents: an orthonormal basis Q is carried along, J_t Q = Q' R, and the exponents are the means of
      log |R_ii| over the second half of the steps, the first aligning Q with the leading directions, largest first
      (Benettin et al. 1980). The largest is the rate at which a small change, and with it a gradient through time,
      grows or decays; -inf where it vanishes within one step.

    Measured are the first `steps` steps of the batch's `examples` longest examples, or fewer where one of them is
    shorter, in float64. A state that overflows gives NaN. Cost per layer: S backward passes of a step and a singular
    value decomposition of an S x S matrix, for each of `steps` x `examples`.
    """

    columns: ClassVar[Mapping[str, Column]] = {
        "jacobian_norm": Column(
            "largest singular value of d state_t / d state_(t-1), top layer: mean over steps and examples"
        ),
        "jacobian_norm_median": Column("its median over steps and examples"),
        "lyapunov_exponent": Column(
            "largest Lyapunov exponent of the top layer: rate at which a small change of its state grows (positive) or "
            "decays (negative) along the trajectory; mean over examples",
            "nats per step",
        ),
    }
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "norm": ("layer", "example", "time_step"),
        "exponents": ("layer", "example", "exponent"),
    }

    def __init__(
        self,
        per_decade: Annotated[int, Field(ge=1)] = 3,
        examples: Annotated[int, Field(ge=1)] = 2,
        steps: Annotated[int, Field(ge=1)] = 50,
        exponents: Annotated[int, Field(ge=1)] = 4,
    ) -> None:
        super().__init__(per_decade)
        self.examples = examples
        self.steps = steps
        self.exponents = exponents

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        inputs = model.embedded(longest_examples(batch, self.examples, self.steps)).detach().double()
        norms, exponents = [], []
        for cell in model.cells:
            norm, exponent, inputs = jacobians_along(double_cell(copy.deepcopy(cell)), inputs, self.exponents)
            norms.append(norm)
            exponents.append(exponent)
        return Measurement(
            {
                "jacobian_norm": float(norms[-1].mean()),
                "jacobian_norm_median": float(np.median(norms[-1])),
                "lyapunov_exponent": float(exponents[-1][:, 0].mean()),
            },
            {"norm": np.stack(norms), "exponents": np.stack(exponents)},
        )


def longest_examples(batch: Batch, examples: int, steps: int) -> Shaped[Tensor, "time batch ..."]:
    """The first real steps of the longest examples; where all are as long, of the first ones."""
    if batch.lengths is None:
        return batch.inputs[:steps, :examples]
    lengths, order = batch.lengths.sort(descending=True, stable=True)
    shortest = int(lengths[:examples][-1])
    return batch.inputs[: min(steps, shortest), order[:examples]]


def jacobians_along(
    cell: Cell, inputs: Float[Tensor, "time batch input"], exponents: int
) -> tuple[Array, Array, Float[Tensor, "time batch hidden"]]:
    """Norms (examples, T) and leading Lyapunov exponents (examples, exponents) along the inputs, and the outputs h."""
    state = flattened(cell.initial_state(inputs.shape[1]))
    basis = _generic_basis(state, exponents)
    norms, logarithms, outputs = [], [], []
    for time, x in enumerate(inputs):
        jacobian, state = _jacobian(cell, x, state)
        largest: Tensor = torch.linalg.matrix_norm(jacobian.nan_to_num(), ord=2)  # which raises for NaN
        norms.append(largest.where(jacobian[:, 0, 0].isfinite(), torch.nan))
        basis, triangle = torch.linalg.qr(jacobian @ basis)
        if time >= len(inputs) // 2:
            logarithms.append(triangle.diagonal(dim1=1, dim2=2).abs().log())
        outputs.append(state[:, : cell.hidden_size])
    leading = torch.stack(logarithms).mean(0).sort(dim=1, descending=True).values
    return torch.stack(norms, dim=1).cpu().numpy(), leading.cpu().numpy(), torch.stack(outputs)


def _jacobian(
    cell: Cell, x: Float[Tensor, "batch input"], state: Float[Tensor, "batch state"]
) -> tuple[Float[Tensor, "batch state state"], Float[Tensor, "batch state"]]:
    """d state' / d state of every example, all NaN where any is not finite, and state'.

    Examples are independent, so one backward pass serves all.
    """
    state = state.detach().requires_grad_()
    following = flattened(cell.step(x, unflattened(state, cell.initial_state(len(x)))))
    size = state.shape[1]
    rows = torch.eye(size, dtype=state.dtype, device=state.device).unsqueeze(1).expand(size, len(state), size)
    (jacobian,) = torch.autograd.grad(following, state, rows, is_grads_batched=True)
    finite = jacobian.isfinite().all(dim=2).all(dim=0)[:, None, None]
    return jacobian.transpose(0, 1).where(finite, torch.nan), following.detach()


def _generic_basis(state: Float[Tensor, "batch size"], columns: int) -> Float[Tensor, "batch size columns"]:
    """The same orthonormal columns for every example, with a part in every direction, as the unit vectors lack."""
    examples, size = state.shape
    drawn = torch.randn(size, min(columns, size), dtype=state.dtype, generator=torch.Generator().manual_seed(0))
    basis: Tensor = torch.linalg.qr(drawn).Q
    return basis.to(state.device).expand(examples, -1, -1)
