"""A program bound to the tensors of one cell: the arrays that the loops read, the gradients from what they write.

What does not depend on the batch is computed once: a short run takes no longer than a few hundred lines of Python.
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
"""The arrays that a loop takes."""

CACHED_LAYOUTS = 64
"""For how many pairs of steps and batch a binding keeps the layouts."""


@dataclass(frozen=True)
class RunLayouts:
    """The three blocks of memory of a run."""

    activations: BlockLayout
    """The states, and what is saved for the backward pass, at every step."""
    state_gradients: BlockLayout
    """At every step."""
    accumulated: BlockLayout
    """The gradients of the weights, the sums of biases and the parameters, accumulated over the steps."""


class Binding:
    """A program bound to a cell. It refers to the cell's dictionaries of tensors and not to the cell, which may go."""

    def __init__(self, program: Program, cell: Cell) -> None:
        self.program = program
        self.graph = program.schedule.graph
        self.hidden_size = cell.hidden_size
        self.input_size = cell.input_size
        self.dtype: torch.dtype = getattr(torch, program.real)
        known = {path for path, _ in tensors_of(cell)}
        paths = [path for path in self._paths() if path in known]
        self._owners = [_owner(cell, path) for path in dict.fromkeys(paths)]
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
        self.activation_keys: list[Key] = [("state", index) for index in range(len(schedule.state_names))]
        self.activation_keys += [("saved", position) for position in schedule.saved_for_backward]
        self.accumulated_keys: list[Key] = [("weight_gradient", linear) for linear in schedule.linears]
        self.accumulated_keys += [("bias_gradient", total) for total in schedule.preactivations]
        self.accumulated_keys += [("parameter_gradient", p) for p in schedule.parameters]
        self._layouts: dict[tuple[int, int], RunLayouts] = {}
        self.multiply_adds = sum(self.width(linear) * self._read(linear) for linear in schedule.linears)
        """Of one step of one example in the forward pass."""
        self.forward_keys: list[Key] = [(argument.role, argument.position) for argument in program.forward]
        self.backward_keys: list[Key] = [(argument.role, argument.position) for argument in program.backward]

    def width(self, position: int) -> int:
        """The width of a node."""
        return self.graph.width(position)

    def tensors(self) -> list[Tensor]:
        """The cell's tensors that the program reads, each once."""
        return [owner[name] for owner, name in self._owners]

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

    def layouts(self, steps: int, batch: int) -> RunLayouts:
        """The layouts of a run's blocks, cached for the latest sizes."""
        if (steps, batch) not in self._layouts:
            if len(self._layouts) >= CACHED_LAYOUTS:
                self._layouts.clear()
            self._layouts[steps, batch] = self._layouts_of(steps, batch)
        return self._layouts[steps, batch]

    def _layouts_of(self, steps: int, batch: int) -> RunLayouts:
        schedule = self.program.schedule
        states = [(steps + 1) * batch * self.hidden_size] * len(schedule.state_names)
        saved = [steps * batch * self.width(position) for position in schedule.saved_for_backward]
        weights = [self.width(linear) * self._read(linear) for linear in schedule.linears]
        biases = [self.width(total) for total in schedule.preactivations]
        parameters = [batch * self.width(p) for p in schedule.parameters]
        return RunLayouts(
            activations=BlockLayout([*states, *saved]),
            state_gradients=BlockLayout(states),
            accumulated=BlockLayout([*weights, *biases, *parameters]),
        )

    def gradients(self, accumulated: Arrays, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the cell's tensors; that of a tensor with several uses is their sum."""
        found: list[NDArray[Any] | None] = [None] * len(tensors)

        def add(index: int, gradient: NDArray[Any]) -> None:
            known = found[index]
            found[index] = gradient if known is None else known + gradient

        for key, columns, index in self._weights:
            gradient = accumulated["weight_gradient", key[1]].reshape(self.width(key[1]), -1)
            if columns is not None:
                part, gradient = gradient, np.zeros(tensors[index].shape, gradient.dtype)
                gradient[:, columns] = part
            add(index, gradient)
        for key, _, indices in self._biases:
            for index in indices:  # a gradient of its own for each bias, since an optimizer may change it in place
                add(index, accumulated["bias_gradient", key[1]].copy())
        for key, width, index in self._parameters:
            gradient = accumulated["parameter_gradient", key[1]].reshape(-1, width).sum(0)
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


def _owner(cell: Cell, path: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds a tensor of the cell, and its name there."""
    module, _, name = path.rpartition(".")
    attributes = vars(cell.get_submodule(module))
    dictionaries = (*(attributes[kind] for kind in TENSOR_DICTIONARIES), attributes)
    return next(dictionary for dictionary in dictionaries if name in dictionary), name
