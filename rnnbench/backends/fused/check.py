"""The compiled loops of a cell against the plain loop over its `step`, before they are believed.

Outputs, final states and all gradients are compared on a short random sequence, for examples that begin at the cell's
initial state and others that begin at a random one; once with the weights as they are, and once for a single example
with other weights, since numbers that are zero now hide what depends on them. The second time the loss is of the final
state alone, for which the loops keep no gradients of the steps. Meanwhile nothing else may change, and everything is
put back.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf, nan
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnbench.backends.backend import StateHook
from rnnbench.backends.eager import loop
from rnnbench.backends.fused.frontend.cell_state import generators_kept, same_numbers, tensors_kept, tensors_of
from rnnbench.backends.fused.frontend.source_lines import line_of_function, located
from rnnbench.backends.fused.frontend.trace_guard import TraceGuard
from rnnbench.backends.fused.runtime.binding import Binding
from rnnbench.cells import Cell, State

STEPS, EXAMPLES = 3, 4
"""Of the first random sequence; half of the examples begin at the initial state."""

ROUNDING, SENSITIVITY, LAST_BITS = 100, 8, 4
"""The largest difference of a number, in units of the rounding of the largest number of its tensor; beyond that, in
units of what inputs with other last bits change in the plain loop; by how many units of rounding those differ."""

FLUSHED = {torch.float32: 2.0**-90, torch.float64: 2.0**-980}
"""Below this part of the largest gradient the loops round to zero."""

SCALES = (0.03, 0.3, 3.0, 30.0)
"""Of the loss with those inputs; gradients are divided by it. Some derivatives, as of torch.matrix_exp, are the less
exact the larger they are."""

PROFILE = " after each step"
"""The end of the name of a gradient that a hook receives."""

Numbers = dict[str, Tensor | None]
"""Outputs, final states and gradients by name."""


def failed_check(cell: Cell, binding: Binding, guard: TraceGuard) -> str | None:
    """What differs between the loops of a binding and the plain loop, or what a step changes; None: nothing."""
    with _left_as_it_was(cell, guard) as (tensors, before):
        try:
            reason = _difference(cell, binding, guard, tensors, before)
        except Exception as error:
            what = str(error).strip().splitlines() or [type(error).__name__]
            reason = f"comparing with the plain loop failed: {what[0]}"
    return None if reason is None else located(reason, line_of_function(cell.step))


def _difference(
    cell: Cell, binding: Binding, guard: TraceGuard, tensors: dict[str, Tensor], before: dict[str, Tensor]
) -> str | None:
    from rnnbench.backends.fused.runtime.run import run_binding  # imports numba, which takes a while

    def plain(inputs: Tensor, state: State, hook: StateHook) -> tuple[Tensor, State]:
        return loop(cell.step, inputs, state, hook)

    def compiled(inputs: Tensor, state: State, hook: StateHook) -> tuple[Tensor, State]:
        return run_binding(binding, cell, inputs, state, hook, threads=1)

    trained = {f"gradient of {path}": tensor for path, tensor in tensors.items() if tensor.requires_grad}
    drawn = random.getstate(), repr(np.random.get_state())  # noqa: NPY002 - it is the one that a step may use
    differences, drew_alike, changed = [], True, dict[str, None]()
    for other_weights in (False, True):
        if other_weights:
            _add_noise(tensors)
            before = {path: tensor.detach().clone() for path, tensor in tensors.items()}
        sequence = _Sequence(cell, binding, trained, 1 if other_weights else EXAMPLES, of_final=other_weights)
        try:
            truth, after_truth = sequence.numbers(plain)
        except Exception:  # not of a single example, as nn.GroupNorm of single features
            sequence = _Sequence(cell, binding, trained, EXAMPLES, of_final=True)
            truth, after_truth = sequence.numbers(plain)
        found, after_found = sequence.numbers(compiled)
        drew_alike &= torch.equal(after_truth, after_found)
        differences.append(_compared(found, truth, sequence, plain))
        changed |= {path: None for path in tensors if not same_numbers(tensors[path].detach(), before[path])}
    if path := guard.changed() or next(iter(changed), None):
        return f"step changes {path}; keep it as a tensor of the state"
    if drawn != (random.getstate(), repr(np.random.get_state())):  # noqa: NPY002
        return "step draws random numbers of Python or NumPy; write torch.rand_like(h)"
    if not drew_alike:
        return "the compiled loops draw other random numbers than the plain loop"
    return next((difference for difference in differences if difference is not None), None)


class _Sequence:
    def __init__(self, cell: Cell, binding: Binding, trained: dict[str, Tensor], examples: int, of_final: bool) -> None:
        generator = torch.Generator().manual_seed(0)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=binding.dtype, device="cpu")

        self.cell, self.trained, self.generator = cell, trained, generator
        self.inputs = normal(STEPS, examples, binding.input_size)
        torch.default_generator.manual_seed(0)
        own = [tensor.detach()[: examples // 2].to(binding.dtype) for tensor in cell.initial_state(examples)]
        self.state = [torch.cat([start, normal(examples - len(start), start.shape[1])]) for start in own]
        of_outputs = None if of_final else normal(STEPS, examples, cell.hidden_size)
        self.upstream = [of_outputs, *(normal(*start.shape) for start in self.state)]

    def numbers(
        self, run: Callable[..., tuple[Tensor, State]], scale: float = 1.0, last_bits: float = 0.0
    ) -> tuple[Numbers, Tensor]:
        """What comes out, and where torch's generator then is; for other last bits, and a loss of another scale."""

        def given(tensor: Tensor) -> Tensor:
            size = last_bits * torch.finfo(tensor.dtype).eps
            noise = torch.randn(tensor.shape, generator=self.generator, dtype=tensor.dtype) if size else 0.0
            return tensor * (1 + size * noise)

        names = self.cell.state_names
        inputs = given(self.inputs).requires_grad_()
        state = tuple(given(tensor).requires_grad_() for tensor in self.state)
        profile: dict[int, Tensor] = {}

        def hook(index: int, first: int, gradients: Tensor) -> None:
            profile.setdefault(index, torch.zeros(STEPS, *state[index].shape, dtype=state[index].dtype))
            profile[index][first : first + len(gradients)] = gradients

        torch.default_generator.manual_seed(1)
        outputs, final = run(inputs, state, None if self.upstream[0] is None else hook)
        drawn = torch.default_generator.get_state()
        results = zip((outputs, *final), self.upstream, strict=True)
        losses = [(tensor * given(gradient)).sum() for tensor, gradient in results if gradient is not None]
        loss = scale * torch.stack(losses).sum()
        leaves = {"gradient of the inputs": inputs}
        leaves |= {f"gradient of the initial {name}": s for name, s in zip(names, state, strict=True)}
        asked = [*leaves.values(), *self.trained.values()]
        gradients = [g if g is None else g / scale for g in torch.autograd.grad(loss, asked, allow_unused=True)]
        profile = {index: gradient / scale for index, gradient in profile.items()}
        found: Numbers = {"outputs": outputs.detach()}
        found |= {f"final {name}": tensor.detach() for name, tensor in zip(names, final, strict=True)}
        found |= {f"gradient of {name}{PROFILE}": profile.get(index) for index, name in enumerate(names)}
        for (name, leaf), gradient in zip(leaves.items(), gradients, strict=False):
            found[name] = torch.zeros_like(leaf) if gradient is None else gradient
        return found | dict(zip(self.trained, gradients[len(leaves) :], strict=True)), drawn


def _compared(found: Numbers, truth: Numbers, sequence: _Sequence, run: Callable[..., Any]) -> str | None:
    """What differs most, in words; None where all is equal but for rounding."""
    for name, expected in truth.items():
        if expected is None and name.endswith(PROFILE):
            continue  # of a state that depends on nothing trained: autograd.grad does not pass through it
        if (expected is None) != (found[name] is None):
            return f"{name}: {'none' if expected is None else 'one'} in the plain loop, but not in the compiled loops"
    both = zip(truth, found.values(), truth.values(), strict=True)
    pairs = {name: (mine, theirs) for name, mine, theirs in both if mine is not None and theirs is not None}
    values = {name: pair for name, pair in pairs.items() if not name.startswith("gradient")}
    if not all(bool(expected.isfinite().all()) for _, expected in values.values()):
        pairs = values  # numbers that overflow are compared as far as they are finite, and have no gradients
    suspects = {name: pair for name, pair in pairs.items() if not _close(*pair)}
    if not suspects:
        return None
    for _ in range(2):
        again = sequence.numbers(run)[0]
        for name, (_, expected) in suspects.items():
            if (apart := _distance(again[name], expected)) > _rounding(expected):
                return f"{name} differs by {apart:.2g} when the plain loop runs again"
    nearby = [sequence.numbers(run, scale, LAST_BITS)[0] for scale in SCALES]
    largest = {n: max(_size(t) for name, (_, t) in pairs.items() if name[:8] == n[:8]) for n in suspects}
    worst = 0.0, ""
    for name, (mine, expected) in suspects.items():
        eps = torch.finfo(expected.dtype).eps
        allowed = (ROUNDING * eps) * _size(expected) + (8 * eps + FLUSHED[expected.dtype]) * largest[name]
        allowed += SENSITIVITY * max(_distance(other.get(name), expected) for other in nearby)
        apart = _distance(mine, expected)
        if not apart <= allowed:
            scale = _size(expected)
            text = f"{name} differs by {apart:.2g} from the plain loop's, of which the largest number is {scale:.2g}"
            worst = max(worst, (apart / max(scale, 1e-300), text))
    return worst[1] or None


def _close(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal but for rounding; False for what is not finite."""
    return not other.numel() or _largest(one - other) <= _rounding(other)


def _rounding(tensor: Tensor) -> float:
    """How much of a tensor may be rounding; NaN where it is not finite."""
    largest = _largest(tensor)
    return ROUNDING * torch.finfo(tensor.dtype).eps * largest if largest < inf else nan


def _largest(tensor: Tensor) -> float:
    """The largest absolute number; NaN where one is. Of a large matrix a tenth of the time of vector_norm."""
    least, most = (bound.item() for bound in tensor.aminmax())
    return float(max(-least, most))


def _distance(one: Tensor | None, other: Tensor) -> float:
    """The largest difference of two numbers; infinite where only one of them is finite, zero where none is."""
    if one is None or not torch.equal(one.isfinite(), other.isfinite()):
        return inf
    return _largest((one - other).masked_fill(~one.isfinite(), 0.0)) if one.numel() else 0.0


def _size(tensor: Tensor) -> float:
    return _largest(tensor.masked_fill(~tensor.isfinite(), 0.0)) if tensor.numel() else 0.0


def _add_noise(tensors: dict[str, Tensor]) -> None:
    """Add to each parameter a product of random vectors, one for each of its dimensions."""
    generator = torch.Generator().manual_seed(2)
    for tensor in {id(tensor): tensor for tensor in tensors.values() if isinstance(tensor, nn.Parameter)}.values():
        width = tensor.shape[-1] if tensor.dim() > 1 else 1
        noise = torch.full((), 0.5 / max(1, width) ** 0.5, dtype=tensor.dtype, device="cpu")
        for size in tensor.shape:
            vector = torch.randn(size, generator=generator, dtype=tensor.dtype, device="cpu")
            noise = noise.unsqueeze(-1) * vector
        tensor.data.add_(noise)  # past autograd, which may keep the parameter for a backward pass


@contextmanager
def _left_as_it_was(cell: Cell, guard: TraceGuard) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """The cell's tensors by name, parameters asking for gradients, and their numbers; all is put back at the end."""
    tensors = dict(tensors_of(cell))
    with generators_kept(), tensors_kept(cell) as numbers:
        for tensor in tensors.values():
            if isinstance(tensor, nn.Parameter) and tensor.is_leaf:
                tensor.requires_grad_()
        try:
            with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
                yield tensors, {path: numbers[id(tensor)] for path, tensor in tensors.items()}
        finally:
            guard.restore()
