"""torch's recurrent layers (nn.RNN, nn.LSTM, nn.GRU) run layer by layer and step by step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

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
