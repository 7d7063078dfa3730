"""The states that recurrent layers have while a loss is computed, and the loss's gradients with respect to them.

A state tensor is recorded as its place in autograd's graph, so that a module's outputs are left as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from rnnbench.cells.states import example_norms, nested_tensors

StateOf = Callable[[Any], Any]
"""Picks the state from what a module returns: a tensor, or tensors in tuples, lists, dictionaries and dataclasses."""

ROUNDING = 16
"""A difference of two gradients below this many units in the last place of them is zero."""


@dataclass(frozen=True)
class StateTensor:
    """One tensor of a state (batch, ...), all of a tensor in autograd's graph or a part of it."""

    edge: GradientEdge
    whole: Tensor
    """The tensor in the graph, without its history."""
    part: Tensor
    """The state, without its history: `whole`, or a view of it."""

    def selected(self, gradient: Tensor) -> Tensor:
        """The part of the gradient of the whole that belongs to the state."""
        if self.part is self.whole:
            return gradient
        like = torch.empty_strided(self.whole.size(), self.whole.stride(), dtype=gradient.dtype, device=gradient.device)
        start = self.part.storage_offset() - self.whole.storage_offset()
        return like.copy_(gradient).as_strided(self.part.size(), self.part.stride(), start)


@dataclass
class Recording:
    """The states that layers had, by layer and in the order in which they were computed."""

    state_of: StateOf | None = None
    steps: dict[str, list[tuple[StateTensor, ...]]] = field(default_factory=dict)
    leaves: list[Tensor] = field(default_factory=list)
    """States that depend on nothing with a gradient, which became leaves of the graph."""
    closed: bool = False
    """Whether the losses are computed: what runs now is only run again, as by checkpointing."""

    def record(self, name: str, output: Any) -> None:
        """Record the state in a layer's output. Raises ValueError where there is none, or it has no gradient."""
        if self.closed:
            return
        if not torch.is_grad_enabled():
            raise ValueError(
                f"{name}: ran without gradients, as under no_grad, inference_mode or reentrant checkpointing; leave "
                "them out, or use checkpoint(..., use_reentrant=False)"
            )
        pick = self.state_of or (lambda found: found)
        found, again = _numbers_in(pick(output)), _numbers_in(pick(output))
        if not found:
            raise ValueError(f"{name}: its output has no tensor of real or complex numbers that could be the state")
        state = tuple(self._state_tensor(name, *pair) for pair in zip(found, again, strict=True))
        self.steps.setdefault(name, []).append(state)

    def _state_tensor(self, name: str, picked: Tensor, again: Tensor) -> StateTensor:
        """The tensor if the output holds it; of a view that `state_of` makes, the tensor in the output behind it."""
        whole = picked if picked is again else picked._base
        if whole is None or whole is not (picked if picked is again else again._base) or whole.dtype != picked.dtype:
            raise ValueError(
                f"{name}: state_of makes a new tensor, which nothing after it reads; it must pick tensors of the "
                "output, or views of them, as by indexing or transpose"
            )
        if not whole.requires_grad:
            whole.requires_grad_()
            self.leaves.append(whole)
        detached = whole.detach()
        part = detached if picked is whole else picked.detach()
        return StateTensor(get_gradient_edge(whole), detached, part)

    def release(self) -> None:
        """Put back what recording changed: a state without gradient has none again."""
        for leaf in self.leaves:
            if leaf.is_leaf:
                leaf.requires_grad_(False)

    def gradients(self, losses: Any) -> dict[str, list[list[Float[np.ndarray, " batch"]]]]:
        """By layer, step and state tensor: the norm of every example's gradient.

        Raises ValueError unless there is one loss per example, which depends on that example's states alone.
        """
        self.closed = True
        self._check(losses)
        for name, steps in self.steps.items():
            _check_one_sequence(name, steps)
        edges = list(dict.fromkeys(tensor.edge for steps in self.steps.values() for state in steps for tensor in state))
        total = _derivatives(losses, torch.ones_like(losses), edges)
        if len(losses) > 1:
            every_second = torch.arange(len(losses), device=losses.device) % 2
            self._check_examples(_derivatives(losses, every_second.to(losses.dtype), edges))
        for name, steps in self.steps.items():
            if not any(tensor.edge in total for state in steps for tensor in state):
                raise ValueError(
                    f"{name}: the losses do not depend on the state that was recorded; state_of must pick the tensors "
                    "that the next step reads"
                )
        return {name: [_norms(state, total) for state in steps] for name, steps in self.steps.items()}

    def _check(self, losses: Any) -> None:
        for name, steps in self.steps.items():
            for tensor in steps[0]:
                shape = tuple(tensor.part.shape)
                if losses.dim() != 1 or not len(losses) or shape[:1] != losses.shape:
                    raise ValueError(
                        f"losses of shape {tuple(losses.shape)} for a state of {name} of shape {shape}: must be one "
                        'per example of the state (batch, ...): use reduction="none" and sum or mean over time alone; '
                        "of a state (layers, batch, ...), state_of=lambda output: output.transpose(0, 1)"
                    )
        if not losses.requires_grad:
            raise ValueError("losses() returned a tensor without gradient: it is detached, or depends on no state")

    def _check_examples(self, of_odd: Mapping[GradientEdge, Tensor]) -> None:
        """Raise ValueError if the odd examples' losses have a gradient with respect to the even ones' states."""
        for name, steps in self.steps.items():
            for tensor in (tensor for state in steps for tensor in state if tensor.edge in of_odd):
                gradient = tensor.selected(of_odd[tensor.edge]).abs()
                if bool(gradient[::2].max() > 1e-6 * gradient.max()):
                    raise ValueError(
                        f"{name}: the loss of one example depends on another row of the state of shape "
                        f"{tuple(tensor.part.shape)}; its first axis must be the batch (else state_of=lambda output: "
                        "output.transpose(0, 1)), and nothing may mix examples, as BatchNorm does in training mode"
                    )


def _numbers_in(output: Any) -> list[Tensor]:
    """The tensors in it that can have a gradient, each once."""
    tensors = {id(tensor): tensor for tensor in nested_tensors(output)}.values()
    return [tensor for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()]


def _derivatives(
    outputs: Tensor | Sequence[GradientEdge], weights: Tensor | Sequence[Tensor], inputs: Sequence[GradientEdge]
) -> dict[GradientEdge, Tensor]:
    """The total derivatives of the weighted sum of outputs, with respect to those inputs that it depends on."""
    found = torch.autograd.grad(outputs, inputs, weights, retain_graph=True, allow_unused=True)
    return {edge: gradient for edge, gradient in zip(inputs, found, strict=True) if gradient is not None}


def _check_one_sequence(name: str, steps: Sequence[Sequence[StateTensor]]) -> None:
    for number, (before, after) in enumerate(pairwise(steps), 2):
        ones = [torch.ones_like(tensor.whole) for tensor in after]
        if not _derivatives([tensor.edge for tensor in after], ones, [tensor.edge for tensor in before]):
            raise ValueError(
                f"{name}: its state {number} does not depend on the one before; it was called for a second sequence, "
                "its state was detached, or state_of picks another tensor than the state"
            )


def _norms(state: Sequence[StateTensor], total: Mapping[GradientEdge, Tensor]) -> list[Float[np.ndarray, " batch"]]:
    """The norms of the gradients with respect to the tensors of a state, each while the others stay as they are."""
    partial = _with_others_fixed({tensor.edge: tensor for tensor in state}, total)
    selected = [tensor.selected(partial[tensor.edge]) for tensor in state]
    return [np.asarray(example_norms(gradient, 1).cpu().numpy()) for gradient in selected]


def _with_others_fixed(
    state: Mapping[GradientEdge, StateTensor], total: Mapping[GradientEdge, Tensor]
) -> dict[GradientEdge, Tensor]:
    """The total derivatives without the paths from one tensor of the state through another, computed after it."""
    partial: dict[GradientEdge, Tensor] = {}
    for edge, tensor in sorted(state.items(), key=lambda item: item[0].node._sequence_nr(), reverse=True):
        gradient = total.get(edge, torch.zeros_like(tensor.whole))
        if partial:
            through = _derivatives(list(partial), list(partial.values()), [edge]).get(edge)
            if through is not None:
                rest = gradient - through
                rounding = ROUNDING * torch.finfo(rest.dtype).eps * gradient.abs()
                gradient = torch.where(rest.abs() <= rounding, torch.zeros_like(rest), rest)
        partial[edge] = gradient
    return partial
