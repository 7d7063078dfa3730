"""torch's recurrent layers (nn.RNN, nn.LSTM, nn.GRU) run layer by layer and step by step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

REVERSE = "_reverse"
"""The end of the name of a layer that reads backwards, as torch has it."""

Record = Callable[[str, tuple[Tensor, ...]], None]
"""Called with the layer's name and its state after a step, each tensor (batch, units)."""


def unrolled(module: nn.RNNBase, record: Record, input: Any, hx: Any = None) -> tuple[Tensor, Any]:
    """What `module(input, hx)` returns; `record` is called with the state of every layer after every step.

    Layers are named `layer0`, `layer1` and so on, those that run backwards `layer0_reverse`; they reach the last step
    first. Raises ValueError for a packed sequence.
    """
    inputs = input
    if isinstance(inputs, PackedSequence):
        raise ValueError(f"{type(module).__name__}: was given a packed sequence; pass a padded tensor")
    unbatched = inputs.dim() == 2
    if unbatched:
        inputs = inputs.unsqueeze(1)
    elif module.batch_first:
        inputs = inputs.transpose(0, 1)
    sequence, finals = inputs, []
    names = [f"layer{layer}{side}" for layer in range(module.num_layers) for side in _sides(module)]
    states = dict(zip(names, _starts(module, hx, inputs, unbatched, len(names)), strict=True))
    for layer in range(module.num_layers):
        outputs = []
        for side in _sides(module):
            name = f"layer{layer}{side}"
            output, final = _run(_one_layer(module, layer, side), sequence, states[name], bool(side), record, name)
            outputs.append(output)
            finals.append(final)
        sequence = torch.cat(outputs, dim=2)
        if layer < module.num_layers - 1:
            sequence = nn.functional.dropout(sequence, module.dropout, module.training)
    final = tuple(torch.stack(tensors) for tensors in zip(*finals, strict=True))
    if unbatched:
        sequence, final = sequence.squeeze(1), tuple(tensor.squeeze(1) for tensor in final)
    elif module.batch_first:
        sequence = sequence.transpose(0, 1)
    return sequence, final if isinstance(module, nn.LSTM) else final[0]


def _sides(module: nn.RNNBase) -> tuple[str, ...]:
    return ("", REVERSE) if module.bidirectional else ("",)


def _starts(module: nn.RNNBase, start: Any, inputs: Tensor, unbatched: bool, count: int) -> list[tuple[Tensor, ...]]:
    """The initial state of each layer and direction: as given, or zeros."""
    widths = [module.proj_size or module.hidden_size]
    if isinstance(module, nn.LSTM):
        widths.append(module.hidden_size)
    if start is None:
        tensors = tuple(inputs.new_zeros(count, inputs.shape[1], width) for width in widths)
    else:
        tensors = tuple(start) if isinstance(module, nn.LSTM) else (start,)
        if unbatched:
            tensors = tuple(tensor.unsqueeze(1) for tensor in tensors)
    return [tuple(tensor[index] for tensor in tensors) for index in range(count)]


def _one_layer(module: nn.RNNBase, layer: int, side: str) -> Callable[..., Any]:
    """One layer in one direction, with the module's weights."""
    above = (module.proj_size or module.hidden_size) * len(_sides(module))
    kind: Any = next(kind for kind in (nn.RNN, nn.LSTM, nn.GRU) if isinstance(module, kind))
    settings: dict[str, Any] = {"bias": module.bias, "device": "meta"}
    if isinstance(module, nn.RNN):
        settings["nonlinearity"] = module.nonlinearity
    if module.proj_size:
        settings["proj_size"] = module.proj_size
    single = kind(above if layer else module.input_size, module.hidden_size, **settings)
    weights = {
        name: getattr(module, name.removesuffix("0") + f"{layer}{side}") for name, _ in single.named_parameters()
    }
    return lambda x, state: torch.func.functional_call(single, weights, (x, state))


def _run(
    step: Callable[..., Any], inputs: Tensor, state: tuple[Tensor, ...], backwards: bool, record: Record, name: str
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """h after every step, in the order of the inputs, and the final state."""
    outputs = []
    for x in inputs.flip(0) if backwards else inputs:
        before = tuple(tensor.unsqueeze(0) for tensor in state)
        _, after = step(x.unsqueeze(0), before if len(before) > 1 else before[0])
        state = tuple(tensor.squeeze(0) for tensor in (after if len(before) > 1 else (after,)))
        record(name, state)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs), state
