"""A program and the tensors of one cell: what the loops read of it, and what they gather for it.

All that does not depend on the batch is settled once, since a short run takes no longer than a few hundred lines of
Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.backends.fused.codegen.generate import Program
from rnnbench.backends.fused.frontend.torch_private import TENSOR_DICTIONARIES
from rnnbench.backends.fused.frontend.trace_guard import tensors_of
from rnnbench.backends.fused.ir.nodes import Linear, Parameter
from rnnbench.backends.fused.runtime.memory import BlockLayout
from rnnbench.cells import Cell

Key = tuple[str, int]
"""The role of an argument of a loop, and the node or state tensor it belongs to."""
Arrays = dict[Key, NDArray[Any]]


REMEMBERED_SIZES = 64


@dataclass(frozen=True)
class Sizes:
    """The three blocks of a run: what the way back reads, the gradients of the states, and what is gathered over the
    steps for the weights, the sums of biases and the parameters.
    """

    values: BlockLayout
    states: BlockLayout
    gathered: BlockLayout


class Binding:
    """A program bound to a cell. It holds the cell's dictionaries of tensors, not the cell."""

    def __init__(self, program: Program, cell: Cell) -> None:
        self.program = program
        self.graph = program.schedule.graph
        self.hidden_size = cell.hidden_size
        self.input_size = cell.input_size
        self.dtype: torch.dtype = getattr(torch, program.real)
        known = {path for path, _ in tensors_of(cell)}
        paths = [path for path in self._paths() if path in known]
        self._homes = [_home(cell, path) for path in dict.fromkeys(paths)]
        self._index = {path: index for index, path in enumerate(dict.fromkeys(paths))}
        schedule = program.schedule
        self._weights = [self._weight(linear) for linear in schedule.linears]
        self._biases = [
            (("bias", total), self.width(total), self._bias_indices(total)) for total in schedule.preactivations
        ]
        self._parameters = [
            (("parameter", p), self.width(p), self._index[self.graph.at(p, Parameter).path])
            for p in schedule.parameters
        ]
        self.value_keys: list[Key] = [("state", index) for index in range(len(schedule.state_names))]
        self.value_keys += [("saved", position) for position in schedule.saved_for_backward]
        self.gathered_keys: list[Key] = [("weight_gradient", linear) for linear in schedule.linears]
        self.gathered_keys += [("bias_gradient", total) for total in schedule.preactivations]
        self.gathered_keys += [("parameter_gradient", p) for p in schedule.parameters]
        self._sizes: dict[tuple[int, int], Sizes] = {}
        self.multiply_adds = sum(self.width(linear) * self._read(linear) for linear in schedule.linears)
        """Of one example's step on the way forward."""
        self.forward_keys: list[Key] = [(argument.role, argument.position) for argument in program.forward]
        self.backward_keys: list[Key] = [(argument.role, argument.position) for argument in program.backward]

    def width(self, position: int) -> int:
        """The width of a node."""
        return self.graph.width(position)

    def tensors(self) -> list[Tensor]:
        """The cell's tensors that the program reads, each once."""
        return [home[name] for home, name in self._homes]

    def arrays(self, tensors: Sequence[Tensor], batch: int) -> Arrays:
        """The tensors as the loops read them: weights, sums of biases, and parameters once per example."""
        flat = [tensor.detach().contiguous().numpy() for tensor in tensors]
        found: Arrays = {}
        for key, columns, index in self._weights:
            part = flat[index] if columns is None else np.ascontiguousarray(flat[index][:, columns])
            found[key] = part.ravel()
        for key, width, indices in self._biases:
            found[key] = flat[indices[0]] if len(indices) == 1 else sum((flat[i] for i in indices), self._zeros(width))
        for key, width, index in self._parameters:
            found[key] = np.tile(np.broadcast_to(flat[index].ravel(), width), batch)
        return found

    def sizes(self, steps: int, batch: int) -> Sizes:
        """The sizes of a run's blocks, remembered for the last few kinds of run."""
        if (steps, batch) not in self._sizes:
            if len(self._sizes) >= REMEMBERED_SIZES:
                self._sizes.clear()
            self._sizes[steps, batch] = self._sizes_of(steps, batch)
        return self._sizes[steps, batch]

    def _sizes_of(self, steps: int, batch: int) -> Sizes:
        schedule = self.program.schedule
        states = [(steps + 1) * batch * self.hidden_size] * len(schedule.state_names)
        sequences = [steps * batch * self.width(position) for position in schedule.saved_for_backward]
        weights = [self.width(linear) * self._read(linear) for linear in schedule.linears]
        biases = [self.width(total) for total in schedule.preactivations]
        parameters = [batch * self.width(p) for p in schedule.parameters]
        return Sizes(
            BlockLayout([*states, *sequences]), BlockLayout(states), BlockLayout([*weights, *biases, *parameters])
        )

    def gradients(self, gathered: Arrays, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the cell's tensors; one that is read twice gathers both."""
        found: list[NDArray[Any] | None] = [None] * len(tensors)

        def add(index: int, gradient: NDArray[Any]) -> None:
            known = found[index]
            found[index] = gradient if known is None else known + gradient

        for key, columns, index in self._weights:
            gradient = gathered["weight_gradient", key[1]].reshape(self.width(key[1]), -1)
            if columns is not None:
                part, gradient = gradient, np.zeros(tensors[index].shape, gradient.dtype)
                gradient[:, columns] = part
            add(index, gradient)
        for key, _, indices in self._biases:
            for index in indices:  # each bias has a gradient of its own, which an optimizer may change in place
                add(index, gathered["bias_gradient", key[1]].copy())
        for key, width, index in self._parameters:
            gradient = gathered["parameter_gradient", key[1]].reshape(-1, width).sum(0)
            shape = tensors[index].shape
            add(index, (gradient.sum() if shape.numel() == 1 else gradient).reshape(shape))
        return [torch.from_numpy(np.asarray(gradient)) for gradient in found if gradient is not None]

    def _paths(self) -> list[str]:
        schedule = self.program.schedule
        linears = [self.graph.at(linear, Linear).path for linear in schedule.linears]
        of_linears = [f"{path}.{name}" for path in linears for name in ("weight", "bias")]
        return [*of_linears, *(self.graph.at(p, Parameter).path for p in schedule.parameters)]

    def _weight(self, linear: int) -> tuple[Key, slice | None, int]:
        """The columns of the weight that multiply what a Linear reads; None for all of them."""
        node, width = self.graph.at(linear, Linear), self._read(linear)
        index = self._index[f"{node.path}.weight"]
        is_whole = self.tensors()[index].shape[1] == width
        return ("weight", linear), None if is_whole else slice(node.first_column, node.first_column + width), index

    def _bias_indices(self, total: int) -> list[int]:
        """The biases in a sum; the parts of a Linear that reads a concatenation have one among them."""
        linears = [self.graph.at(linear, Linear) for linear in self.graph.nodes[total].operands]
        paths = [f"{linear.path}.bias" for linear in linears if linear.first_column == 0]
        return [self._index[path] for path in paths if path in self._index]

    def _read(self, linear: int) -> int:
        return self.width(self.program.schedule.source(linear))

    def _zeros(self, width: int) -> NDArray[Any]:
        return np.zeros(width, self.program.real)


def _home(cell: Cell, path: str) -> tuple[dict[str, Any], str]:
    """The dictionary that a tensor hangs in, and its name there."""
    owner, _, name = path.rpartition(".")
    attributes = vars(cell.get_submodule(owner))
    homes = (*(attributes[kind] for kind in TENSOR_DICTIONARIES), attributes)
    return next(home for home in homes if name in home), name
