"""The memory that the loops of one run read and write."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.backends.fused.generate import Program
from rnnbench.backends.fused.layout import Argument
from rnnbench.backends.fused.memory import leased


class Buffers:
    """Every buffer of a run, by its role and the node it belongs to; see `Layout` for their shapes."""

    def __init__(self, program: Program, inputs: Tensor, tensors: dict[str, Tensor]) -> None:
        self.program = program
        self.nodes = program.plan.graph.nodes
        self.inputs = inputs
        self.steps, self.batch = inputs.shape[:2]
        self.tensors = tensors
        self.states: Sequence[Tensor] = ()
        self.sequences: Sequence[Tensor] = ()
        self.state_gradients: list[Tensor] = []
        self.input_gradient = inputs
        self.gathered: dict[tuple[str, int], Tensor] = {}

    def begin_states(self, first: Sequence[Tensor]) -> None:
        """Room for what the forward loop writes, the initial state in its place."""
        self.states = [leased((self.steps + 1, *state.shape), state.dtype) for state in first]
        for states, state in zip(self.states, first, strict=True):
            states[0] = state
        rows = self.steps * self.batch
        self.sequences = [leased((rows * self._width(p),), self.inputs.dtype) for p in self.program.plan.sequences]

    def begin_gradients(
        self, upstream: Tensor | None, final: Sequence[Tensor | None], parts: int, wants_input: bool
    ) -> None:
        """Room for what the backward loop writes: what the loss hands in, and zeros for what gathers."""
        self.state_gradients = [leased(tuple(states.shape), states.dtype) for states in self.states]
        outputs = self.state_gradients[0]
        outputs[0] = 0
        outputs[1:] = 0 if upstream is None else upstream
        for index, (gradients, gradient) in enumerate(zip(self.state_gradients, final, strict=True)):
            if index:
                gradients[-1] = 0 if gradient is None else gradient
            elif gradient is not None:
                gradients[-1] += gradient
        if wants_input or self.program.touches_input:
            self.input_gradient = leased(tuple(self.inputs.shape), self.inputs.dtype)
        plan = self.program.plan
        sizes = {("weight_gradient", linear): self._weight(linear).numel() for linear in plan.linears}
        sizes |= {("bias_gradient", total): self._width(total) for total in plan.sums}
        sizes |= {("parameter_gradient", p): self.batch * self._width(p) for p in plan.parameters}
        self.gathered = {key: self.inputs.new_zeros(parts, size) for key, size in sizes.items()}

    def array(self, argument: Argument, part: int = 0) -> NDArray[Any]:
        """An argument of a loop as a flat array; `part` is the slice of the batch it is for."""
        array: NDArray[Any] = self._tensor(argument, part).detach().contiguous().numpy().ravel()
        return array

    def _tensor(self, argument: Argument, part: int) -> Tensor:
        position, plan = argument.position, self.program.plan
        match argument.role:
            case "input":
                return self.inputs
            case "state":
                return self.states[position]
            case "sequence":
                return self.sequences[plan.sequences.index(position)]
            case "weight":
                return self._weight(position)
            case "bias":
                return self._bias(position)
            case "parameter":
                return self.tensors[self.nodes[position].path].expand(self.batch, self._width(position)).contiguous()
            case "input_gradient":
                return self.input_gradient
            case "state_gradient":
                return self.state_gradients[position]
            case role:
                return self.gathered[role, position][part]

    def tensor_gradients(self) -> list[Tensor]:
        """The gradients of the cell's tensors, in their order; a tensor that is read twice gathers both."""
        gradients: dict[str, Tensor] = {}

        def add(path: str, gradient: Tensor) -> None:
            shape = self.tensors[path].shape
            gradient = gradient.sum() if shape.numel() == 1 else gradient
            gradients[path] = gradients[path] + gradient.view(shape) if path in gradients else gradient.view(shape)

        def add_weight(linear: int) -> None:
            path, gathered = self.nodes[linear].path, _total(self.gathered["weight_gradient", linear])
            columns, whole = self._columns(linear), self.tensors[f"{path}.weight"]
            gradient = gathered.view(len(whole), -1)
            if gradient.shape != whole.shape:
                gradient = torch.zeros_like(whole)
                gradient[:, columns] = gathered.view(len(whole), -1)
            add(f"{path}.weight", gradient)

        plan = self.program.plan
        for total in plan.sums:
            for linear in self.nodes[total].operands:
                add_weight(linear)
            for path in self._bias_paths(total):
                add(path, _total(self.gathered["bias_gradient", total]).clone())
        for parameter in plan.parameters:
            gathered = _total(self.gathered["parameter_gradient", parameter]).view(-1, self._width(parameter))
            add(self.nodes[parameter].path, gathered.sum(0))
        return [gradients[path] for path in self.tensors]

    def _width(self, position: int) -> int:
        return self.nodes[position].width or 0

    def _weight(self, linear: int) -> Tensor:
        return self.tensors[f"{self.nodes[linear].path}.weight"][:, self._columns(linear)]

    def _columns(self, linear: int) -> slice:
        """The columns of the weight that multiply what this Linear reads."""
        node = self.nodes[linear]
        return slice(node.index, node.index + self._width(node.operands[0]))

    def _bias(self, total: int) -> Tensor:
        """The sum of the biases of a sum of Linears."""
        biases = [self.tensors[path] for path in self._bias_paths(total)]
        if not biases:
            return self.inputs.new_zeros(self._width(total))
        return biases[0] if len(biases) == 1 else torch.stack(biases).sum(0)

    def _bias_paths(self, total: int) -> list[str]:
        """The biases in a sum; the parts of a Linear that reads a concatenation have one among them."""
        linears = [self.nodes[linear] for linear in self.nodes[total].operands]
        paths = [f"{linear.path}.bias" for linear in linears if linear.index == 0]
        return [path for path in paths if path in self.tensors]


def _total(parts: Tensor) -> Tensor:
    """The sum over the slices of the batch."""
    return parts[0] if len(parts) == 1 else parts.sum(0)
