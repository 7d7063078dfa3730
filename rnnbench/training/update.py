"""The update of a model's weights: the norm of the gradient, clipping, and the optimizer's step, each in one call.

All parameters are views of one tensor. An optimizer that treats each number by itself is given this tensor in place of
them, while all of them have a gradient; one without a gradient stays as it is. Other optimizers have the parameters.
"""

from collections.abc import Callable
from functools import cache
from inspect import unwrap
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch._utils import _flatten_dense_tensors

from rnnbench.training.settings import StepSettings

State = dict[str, Any]

TINY = 1e-6
"""Added to the norm of the gradient that is clipped, as in torch.nn.utils.clip_grad_norm_."""


@cache
def without_compiler(kind: type[optim.Optimizer]) -> Callable[..., optim.Optimizer]:
    """The same optimizer, its methods without what only torch.compile needs, which takes seconds to import."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: unwrap(getattr(kind, name)) for name in names}
    step = torch.no_grad()(unwrap(kind.step))
    step.hooked = True  # else it is wrapped for torch's profiler
    return type(kind.__name__, (kind,), {**methods, "step": step, "__module__": __name__})


OF_TORCH = (
    optim.Adadelta, optim.Adagrad, optim.Adam, optim.Adamax, optim.AdamW, optim.ASGD, optim.NAdam, optim.RAdam,
    optim.RMSprop, optim.Rprop, optim.SGD,
)  # fmt: skip
"""The optimizers that treat each number by itself."""


class Update:
    """Clips the gradient, and prepares an optimizer's step."""

    def __init__(self, model: nn.Module, optimizer: optim.Optimizer, settings: StepSettings) -> None:
        self.optimizer, self.settings = optimizer, settings
        self.parameters = sorted(model.parameters(), key=Tensor.numel, reverse=True)  # in memory the large ones aligned
        self.given = optimizer.param_groups[0]["params"]
        self.whole: nn.Parameter | None = None
        """The tensor that the parameters are views of; None where the optimizer must not have it."""
        self.joined = False
        """Whether the optimizer has it now."""
        first = self.parameters[0]
        alike = all((each.dtype, each.device) == (first.dtype, first.device) for each in self.parameters)
        by_itself = type(optimizer) in {*OF_TORCH, *map(without_compiler, OF_TORCH)}
        is_all = len(optimizer.param_groups) == 1 and {*self.given} == {*self.parameters}
        if by_itself and is_all and alike and first.is_floating_point():
            self.whole = nn.Parameter(torch.cat([each.detach().flatten() for each in self.parameters]))
            for parameter, part in zip(self.parameters, self._parts(self.whole.detach()), strict=True):
                parameter.data = part
        self.places = [each.data_ptr() for each in self.parameters]

    def clear(self) -> None:
        """Drop the gradient."""
        for parameter in self.parameters:
            parameter.grad = None

    def clip(self) -> float:
        """Clip the gradient as the settings say; its norm before that."""
        gradients = [gradient for each in self.parameters if (gradient := each.grad) is not None]
        whole = _flatten_dense_tensors(gradients)
        if self._join(len(gradients)):
            self.whole.grad, gradients = whole, [whole]  # type: ignore[union-attr]
        norm = float(torch.linalg.vector_norm(whole))
        largest, value = self.settings.gradient_clip_norm, self.settings.gradient_clip_value
        for each in gradients:
            if largest is not None and norm + TINY > largest:
                each.mul_(largest / (norm + TINY))
            if value is not None:
                each.clamp_(-value, value)
        return norm

    def _join(self, gradients: int) -> bool:
        """Give the optimizer the whole where that has the same effect, and else the parameters; whether it has it."""
        in_place = self.places == [each.data_ptr() for each in self.parameters]  # a cell may have assigned others
        if self.whole is None or gradients < len(self.parameters) or not in_place:
            self.part()
        elif not self.joined and (state := self._joined_state()) is not None:
            self._give([self.whole], [state])
            self.joined = True
        return self.joined

    def part(self) -> None:
        """Give the optimizer the parameters, each with its part of the state, as checkpoints hold them."""
        if self.whole is None or not self.joined:
            return
        states: list[State] = [{} for _ in self.parameters]
        for name, value in self.optimizer.state[self.whole].items():
            elementwise = isinstance(value, Tensor) and value.shape == self.whole.shape
            parts = self._parts(value) if elementwise else [value] * len(states)
            for state, part in zip(states, parts, strict=True):
                state[name] = part.clone() if isinstance(part, Tensor) else part
        in_order = dict(zip(self.parameters, states, strict=True))
        self._give(self.given, [in_order[each] for each in self.given])
        self.joined = False

    def _joined_state(self) -> State | None:
        """The state of the whole; None where parameters differ in what is one value for all, such as the step."""
        states = [self.optimizer.state.get(each, {}) for each in self.parameters]
        joined: State = {}
        if any(state.keys() != states[0].keys() for state in states):
            return None
        for name, first in states[0].items():
            values = [state[name] for state in states]
            pairs = zip(values, self.parameters, strict=True)
            if all(isinstance(value, Tensor) and value.shape == each.shape for value, each in pairs):
                joined[name] = torch.cat([value.flatten() for value in values])
            elif all(torch.equal(value, first) if isinstance(first, Tensor) else value == first for value in values):
                joined[name] = first
            else:
                return None
        return joined

    def _give(self, parameters: list[nn.Parameter], states: list[State]) -> None:
        self.optimizer.param_groups[0]["params"] = parameters
        self.optimizer.state.clear()
        self.optimizer.state.update({each: state for each, state in zip(parameters, states, strict=True) if state})

    def _parts(self, whole: Tensor) -> list[Tensor]:
        ends = accumulate((each.numel() for each in self.parameters), initial=0)
        cuts = zip(pairwise(ends), self.parameters, strict=True)
        return [whole[start:end].view(each.shape) for (start, end), each in cuts]
