"""The gradient through time of any torch module: of recurrent layers of torch and rnnbench, and of custom ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnbench.backends import Eager
from rnnbench.cells import Cell
from rnnbench.model import Model
from rnnbench.model.recurrent import Recurrent
from rnnbench.probes.gradient_profile import summarised
from rnnbench.probes.recorded_states import Recording, StateOf

REVERSE = "_reverse"
"""The end of the name of a layer that reads backwards, as torch has it."""
KERNELS: dict[str, Callable[..., Any]] = {
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
    "LSTM": torch.lstm,
    "GRU": torch.gru,
}

State = tuple[Tensor, ...]
Record = Callable[[str, State], None]
"""Called with the layer's name and its state after a step, each tensor (batch, units)."""


def unrolled(module: nn.RNNBase, record: Record, input: Any, hx: Any = None) -> tuple[Tensor, Any]:
    """What `module(input, hx)` returns; `record` is called with the state of every layer after every step.

    Layers are named `layer0`, `layer1` and so on, those that run backwards `layer0_reverse`; they reach the last step
    first. Raises ValueError for a packed sequence.
    """
    if isinstance(input, PackedSequence):
        raise ValueError(f"{type(module).__name__}: was given a packed sequence; pass a padded tensor")
    batch_axis, unbatched = int(not module.batch_first), input.dim() == 2
    inputs = input.unsqueeze(batch_axis) if unbatched else input
    start = _start(module, inputs.shape[batch_axis], hx, unbatched, inputs)
    check: Callable[..., None] = module.check_forward_args
    check(inputs, start if isinstance(module, nn.LSTM) else start[0], None)
    sequence = inputs.transpose(0, 1) if module.batch_first else inputs
    finals: list[State] = []
    states = list(zip(*start, strict=True))
    for layer in range(module.num_layers):
        outputs = []
        for side in ("", REVERSE) if module.bidirectional else ("",):
            number = len(finals)
            output, final = _run(module, number, sequence, states[number], f"layer{layer}{side}", record)
            outputs.append(output)
            finals.append(final)
        sequence = torch.cat(outputs, dim=2)
        if layer < module.num_layers - 1:
            sequence = nn.functional.dropout(sequence, module.dropout, module.training)
    last = tuple(torch.stack(tensors) for tensors in zip(*finals, strict=True))
    if module.batch_first:
        sequence = sequence.transpose(0, 1)
    if unbatched:
        sequence, last = sequence.squeeze(batch_axis), tuple(tensor.squeeze(1) for tensor in last)
    return sequence, last if isinstance(module, nn.LSTM) else last[0]


def _start(module: nn.RNNBase, examples: int, given: Any, unbatched: bool, like: Tensor) -> State:
    """The initial state, each tensor (layers and directions, batch, units): as given, or zeros."""
    if given is not None:
        tensors = tuple(given) if isinstance(module, nn.LSTM) else (given,)
        return tuple(tensor.unsqueeze(1) for tensor in tensors) if unbatched else tensors
    count, widths = len(module.all_weights), [module.proj_size or module.hidden_size]
    if isinstance(module, nn.LSTM):
        widths.append(module.hidden_size)
    return tuple(like.new_zeros(count, examples, width) for width in widths)


def _run(
    module: nn.RNNBase, number: int, inputs: Tensor, state: State, name: str, record: Record
) -> tuple[Tensor, State]:
    """One layer in one direction: h after every step, in the order of the inputs, and the final state."""
    outputs = []
    backwards = name.endswith(REVERSE)
    for x in inputs.flip(0) if backwards else inputs:
        before = [tensor.unsqueeze(0) for tensor in state]
        _, *after = KERNELS[module.mode](
            x.unsqueeze(0), before if len(before) > 1 else before[0], module.all_weights[number], module.bias,
            1, 0.0, True, False, False,
        )  # fmt: skip
        state = tuple(tensor.squeeze(0) for tensor in after)
        record(name, state)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs), state


@dataclass(frozen=True)
class GradientThroughTime:
    """g_t = mean over the batch of the L2 norm of d(loss of that example) / d(state_t), for every recurrent layer.

    The state's tensors together, each a variable of its own: of an LSTM the derivative with respect to c_t leaves out
    the path through h_t; `Tensor.retain_grad` on c_t would count it twice.
    """

    norms: Mapping[str, Float[np.ndarray, " time_step"]]
    """By layer: the norm of the whole state's gradient after each step; of a layer that reads backwards, after it has
    read from the end down to that step."""
    by_state: Mapping[str, Float[np.ndarray, "state time_step"]]
    """By layer: the norm for each tensor of the state alone, in the order in which the module returns them."""

    def frame(self) -> pd.DataFrame:
        """One row per layer and step: `layer`, `time_step` from 1 on, `norm`."""
        tables = [
            pd.DataFrame({"layer": layer, "time_step": range(1, len(norms) + 1), "norm": norms})
            for layer, norms in self.norms.items()
        ]
        return pd.concat(tables, ignore_index=True)

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
    once per step and return the state, tensors (batch, ...) in tuples, dictionaries or dataclasses. Where such a
    submodule returns other tensors too, `state_of` picks the state from what it returns: tensors of it, or their views.

    The module is left as it was: parameters, gradients and mode. Layers of torch run step by step meanwhile, with the
    same results but for rounding. Raises ValueError for packed sequences, where no state can be recorded, where the
    losses do not depend on a layer's states, or the states not on those before (two sequences, or a detached state),
    and for losses that are not one per example or that depend on other examples.
    """
    layers, recording = _layers(module, states), Recording(state_of)
    with _recorded(recording, layers, module):
        found = losses()
        if not recording.steps:
            raise ValueError(
                f"{type(module).__name__}: none of {', '.join(layers)} was called while the losses were computed; "
                "`losses` must run this module, and compiled, scripted and replaced forwards hide their steps"
            )
        by_layer = recording.gradients(found)
    norms, by_state = {}, {}
    for name, steps in by_layer.items():
        values = np.array(steps[::-1] if name.endswith(REVERSE) else steps)
        norms[name] = np.linalg.norm(values, axis=1).mean(axis=1)
        by_state[name] = values.mean(axis=2).T
    return GradientThroughTime(norms, by_state)


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


@contextmanager
def _recorded(recording: Recording, layers: Mapping[str, nn.Module], module: nn.Module) -> Iterator[None]:
    """The recording takes the states of the layers inside the block; cells run by `step`."""
    of_torch: dict[nn.Module, str] = {
        layer: name for name, layer in layers.items() if isinstance(layer, nn.RNN | nn.LSTM | nn.GRU)
    }
    with ExitStack() as stack:
        stack.callback(recording.release)
        for kind in (nn.RNN, nn.LSTM, nn.GRU):  # of the class, so that a subclass with its own forward calls it
            stack.enter_context(patch.object(kind, "forward", _stepwise(kind.forward, recording, of_torch)))
        for name, layer in layers.items():
            if layer not in of_torch:
                method = "step" if isinstance(layer, Cell) else "forward"
                stack.enter_context(patch.object(layer, method, _noted(getattr(layer, method), recording, name)))
        for part in module.modules():
            if isinstance(part, Model | Recurrent):
                stack.enter_context(patch.object(part, "backend", Eager()))
        yield


def _stepwise(
    forward: Callable[..., Any], recording: Recording, of_torch: Mapping[nn.Module, str]
) -> Callable[..., Any]:
    def run(layer: nn.RNNBase, *arguments: Any, **named: Any) -> Any:
        if layer not in of_torch:
            return forward(layer, *arguments, **named)
        name = of_torch[layer]
        if layer.bidirectional and f"{name}.layer0" in recording.steps and not recording.closed:
            raise ValueError(f"{name}: reads both ways and was called twice; its steps have no one order in time")
        return unrolled(layer, lambda part, state: recording.record(f"{name}.{part}", state), *arguments, **named)

    return run


def _noted(method: Callable[..., Any], recording: Recording, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        output = method(*arguments, **named)
        recording.record(name, output)
        return output

    return call
