"""The gradient through time of any torch module: of torch's recurrent layers and cells, of rnnbench's, of one's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnbench.backends import Eager
from rnnbench.cells import Cell
from rnnbench.cells.states import example_norms
from rnnbench.model import Model
from rnnbench.model.recurrent import Recurrent
from rnnbench.probes.gradient_profile import summarised
from rnnbench.probes.torch_layers import REVERSE, unrolled

StateOf = Callable[[Any], Sequence[Tensor]]


@dataclass(frozen=True)
class GradientThroughTime:
    """g_t = mean over the batch of the L2 norm of d(loss of that example) / d(state_t), for every recurrent layer.

    The state's tensors together: of an LSTM h and c, each a variable of its own. The derivative with respect to c_t
    therefore leaves out the path through h_t, which belongs to h_t; `Tensor.retain_grad` on c_t would count it twice.
    """

    norms: Mapping[str, Float[np.ndarray, " time_step"]]
    """By layer: the norm of the whole state's gradient after each step; of a layer that reads backwards, after it has
    read from the end down to that step."""
    by_state: Mapping[str, Float[np.ndarray, "state time_step"]]
    """By layer: the norm for each tensor of the state alone, in the order in which the module returns them."""

    def frame(self) -> pd.DataFrame:
        """One row per layer and step: `layer`, `time_step` from 1 on, `norm`."""
        return pd.concat(
            [
                pd.DataFrame({"layer": layer, "time_step": np.arange(1, len(norms) + 1), "norm": norms})
                for layer, norms in self.norms.items()
            ],
            ignore_index=True,
        )

    def summary(self) -> pd.DataFrame:
        """One row per layer: decades lost, the slope and R^2 of log10 g_t, the half-life, or why it has none.

        The columns are those of `runs.csv`, defined in results/README.md.
        """
        return pd.DataFrame([{"layer": layer, **summarised(norms)} for layer, norms in self.norms.items()])


def gradient_through_time(
    module: nn.Module,
    losses: Callable[[], Float[Tensor, " batch"]],
    states: str | Sequence[str] | None = None,
    state_of: StateOf | None = None,
) -> GradientThroughTime:
    """The gradient of a loss with respect to the state after every step of the recurrent layers in a module.

    `losses` runs the module and returns one loss per example, for instance `lambda: cross_entropy(module(x), y,
    reduction="none")`. The layers are every `nn.RNN`, `nn.LSTM`, `nn.GRU`, `nn.RNNCell`, `nn.LSTMCell`, `nn.GRUCell`
    and rnnbench `Cell` in the module, by their names in it; or those that `states` names, submodules that are called
    once per step and return the state, as a tensor (batch, ...) or nested tuples of such. Where such a submodule
    returns other tensors too, `state_of` picks the state from what it returns.

    The module is left as it was: parameters, gradients and mode. Layers of torch run step by step meanwhile, with the
    same results but for rounding. Raises ValueError where no state can be recorded, for packed sequences, and for
    losses that are not one per example.
    """
    recording = Recording(state_of)
    with ExitStack() as stack:
        for name, layer in _layers(module, states).items():
            stack.enter_context(recording.of(name, layer))
        for part in module.modules():
            if isinstance(part, Model | Recurrent):
                stack.enter_context(_eager(part))
        found = losses()
    if not recording.nodes:
        raise ValueError(
            f"{type(module).__name__}: none of {', '.join(_layers(module, states))} was called while the losses were "
            "computed; `losses` must run this module, and compiled or scripted modules hide their steps"
        )
    return recording.gradients(found)


def _layers(module: nn.Module, states: str | Sequence[str] | None) -> dict[str, nn.Module]:
    """The recurrent layers by name. Raises ValueError when there are none, or when `states` names none."""
    parts = {name or type(module).__name__: part for name, part in module.named_modules()}
    if states is not None:
        names = [states] if isinstance(states, str) else list(states)
        for name in names:
            if name not in parts:
                raise ValueError(f"states={name}: no such submodule; there are {', '.join(parts)}")
        return {name: parts[name] for name in names}
    found: dict[str, nn.Module] = {
        name: part for name, part in parts.items() if isinstance(part, nn.RNNBase | nn.RNNCellBase | Cell)
    }
    if not found:
        raise ValueError(
            f"{type(module).__name__}: has no recurrent layer of torch or rnnbench in it; states=... names the "
            f"submodule that returns the state at each step, one of {', '.join(parts)}"
        )
    return found


@dataclass
class Recording:
    """The states that layers had, each tensor a node of its own in autograd's graph."""

    state_of: StateOf | None = None
    nodes: dict[str, list[tuple[Tensor, ...]]] = field(default_factory=dict)
    """By layer: the tensors of the state after each step."""

    @contextmanager
    def of(self, name: str, layer: nn.Module) -> Iterator[None]:
        """Record the layer's states inside the block."""
        if isinstance(layer, nn.RNNBase):
            with _attribute(layer, "forward", partial(unrolled, layer, partial(self._layer_of_torch, name))):
                yield
        elif isinstance(layer, Cell):
            step = layer.step
            with _attribute(layer, "step", lambda x, state: self.cut(name, step(x, state))):
                yield
        else:
            handle = layer.register_forward_hook(lambda _module, _inputs, output: self.cut(name, output))
            try:
                yield
            finally:
                handle.remove()

    def _layer_of_torch(self, name: str, part: str, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nodes = tuple(map(_node, state))
        steps = self.nodes.setdefault(f"{name}.{part}", [])
        steps.insert(0 if part.endswith(REVERSE) else len(steps), nodes)
        return nodes

    def cut(self, name: str, output: Any) -> Any:
        """The output with every tensor of the state replaced by a node of its own, which is recorded."""
        nodes = {id(tensor): _node(tensor) for tensor in (self.state_of or _tensors)(output)}
        if not nodes:
            raise ValueError(f"{name}: returned no tensor that could be the state")
        self.nodes.setdefault(name, []).append(tuple(nodes.values()))
        return _replaced(output, nodes)

    def gradients(self, losses: Tensor) -> GradientThroughTime:
        """The norms of the losses' gradients. Raises ValueError unless there is one loss per example."""
        flat = [node for steps in self.nodes.values() for nodes in steps for node in nodes]
        examples = {len(node) for node in flat}
        if losses.dim() != 1 or examples != {len(losses)}:
            raise ValueError(
                f"losses of shape {tuple(losses.shape)}: must be one per example, ({min(examples)},); use "
                'reduction="none" and sum or mean over time alone'
            )
        found = torch.autograd.grad(losses.sum(), flat, allow_unused=True)
        of_node = {
            id(node): torch.zeros_like(node) if gradient is None else gradient
            for node, gradient in zip(flat, found, strict=True)
        }
        norms, by_state = {}, {}
        for name, steps in self.nodes.items():
            values = np.array([[_norms(of_node[id(node)]) for node in nodes] for nodes in steps])
            norms[name] = np.linalg.norm(values, axis=1).mean(axis=1)
            by_state[name] = values.mean(axis=2).T
        return GradientThroughTime(norms, by_state)


def _norms(gradient: Tensor) -> Float[np.ndarray, " batch"]:
    """The L2 norm of each example's gradient, summed in float64; of complex numbers with both parts."""
    return np.asarray(example_norms(gradient, 1).cpu().numpy())


def _node(tensor: Tensor) -> Tensor:
    """The tensor as a node of its own; one that depends on no parameter becomes a leaf."""
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.clone().requires_grad_()


def _tensors(output: Any) -> list[Tensor]:
    """The tensors in nested tuples and lists that can have a gradient."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() or output.is_complex() else []
    return [tensor for part in output for tensor in _tensors(part)] if isinstance(output, tuple | list) else []


def _replaced(output: Any, nodes: Mapping[int, Tensor]) -> Any:
    """The output with the nodes in place of their tensors."""
    if isinstance(output, Tensor):
        return nodes.get(id(output), output)
    if isinstance(output, tuple | list):
        parts = [_replaced(part, nodes) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


@contextmanager
def _attribute(module: nn.Module, name: str, value: Any) -> Iterator[None]:
    """The module with that attribute of its own inside the block, in place of the method of its class."""
    object.__setattr__(module, name, value)
    try:
        yield
    finally:
        object.__delattr__(module, name)


@contextmanager
def _eager(model: Model | Recurrent) -> Iterator[None]:
    """The model on the backend that calls each cell's `step`."""
    backend = model.backend
    model.backend = Eager()
    try:
        yield
    finally:
        model.backend = backend
