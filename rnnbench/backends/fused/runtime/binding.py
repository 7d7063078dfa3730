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
from rnnbench.backends.fused.frontend.cell_state import TENSOR_DICTIONARIES, tensors_of
from rnnbench.backends.fused.frontend.invariants import Derived
from rnnbench.backends.fused.ir.nodes import Linear, Noise, Parameter, State
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

    def __init__(self, program: Program, derived: Derived, cell: Cell) -> None:
        self.program = program
        self.graph = program.schedule.graph
        self.state_widths = [self.width(state) for state in self.graph.positions(State)]
        self.input_size = cell.input_size
        self.dtype: torch.dtype = getattr(torch, program.real)
        known = {path for path, _ in tensors_of(cell)}
        paths = [path for path in dict.fromkeys(self._paths()) if path in known]
        self._owners = [_owner(cell, path) for path in paths]
        self._derived = derived
        self._index = {path: index for index, path in enumerate([*paths, *derived.paths])}
        sizes = [tensor.shape for tensor in self.tensors(cell)]
        self._sizes = {path: sizes[index] for path, index in self._index.items()}
        self.noise = [self.graph.at(p, Noise) for p in self.graph.positions(Noise)]
        self.noise_keys: list[Key] = [("noise", p) for p in self.graph.positions(Noise)]
        schedule = program.schedule
        self._weights = [self._weight(linear) for linear in schedule.linears]
        self._biases = [(("bias", p), self.width(p), self._bias_parts(p)) for p in schedule.linear_sums]
        self._parameters = [(("parameter", p), self.width(p), self._vector(p)) for p in schedule.parameters]
        self.activation_keys: list[Key] = [("state", index) for index in range(len(schedule.state_names))]
        self.activation_keys += [("saved", position) for position in schedule.saved_for_backward]
        self.accumulated_keys: list[Key] = [("weight_gradient", linear) for linear in schedule.linears]
        self.accumulated_keys += [("bias_gradient", total) for total in schedule.linear_sums]
        self.accumulated_keys += [("parameter_gradient", p) for p in schedule.parameters]
        reached = self.graph.gradients
        led = {linear for total in schedule.linear_sums if total in reached for linear in schedule.linears_of(total)}
        self._trained_weights = [(key, part) for key, part in self._weights if key[1] in led]
        self._trained_biases = [found for found in self._biases if found[0][1] in reached]
        self._trained_parameters = [found for found in self._parameters if found[0][1] in reached]
        self._layouts: dict[tuple[int, int], RunLayouts] = {}
        self.multiply_adds = sum(self.width(linear) * self._read(linear) for linear in schedule.linears)
        """Of one step of one example in the forward pass."""
        self.forward_keys: list[Key] = [(argument.role, argument.position) for argument in program.forward]
        self.backward_keys: list[Key] = [(argument.role, argument.position) for argument in program.backward]

    def width(self, position: int) -> int:
        """The width of a node."""
        return self.graph.width(position)

    def tensors(self, cell: Cell) -> list[Tensor]:
        """The tensors that the program reads, each once: the cell's, and those computed from them."""
        return [*(owner[name] for owner, name in self._owners), *self._derived.tensors(cell)]

    def arrays(self, tensors: Sequence[Tensor], batch: int) -> Arrays:
        """The tensors as the loops read them: weights, sums of biases, and parameters once per example."""
        flat = [tensor.detach().contiguous().numpy() for tensor in tensors]
        found: Arrays = {}
        for key, part in self._weights:
            found[key] = np.ascontiguousarray(part.of(flat[part.index])).ravel()
        for key, width, parts in self._biases:
            biases = [flat[index][rows] for index, rows in parts]
            found[key] = biases[0] if len(biases) == 1 else sum(biases, self._zeros(width))
        for key, width, (index, features) in self._parameters:
            found[key] = np.tile(np.broadcast_to(flat[index].ravel()[features], width), batch)
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
        states = [(steps + 1) * batch * width for width in self.state_widths]
        saved = [steps * batch * self.width(position) for position in schedule.saved_for_backward]
        weights = [self.width(linear) * self._read(linear) for linear in schedule.linears]
        biases = [self.width(total) for total in schedule.linear_sums]
        parameters = [batch * self.width(p) for p in schedule.parameters]
        return RunLayouts(
            activations=BlockLayout([*states, *saved]),
            state_gradients=BlockLayout(states),
            accumulated=BlockLayout([*weights, *biases, *parameters]),
        )

    def gradients(self, accumulated: Arrays, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the cell's tensors, None where no gradient reaches them; of several uses their sum."""
        found: list[NDArray[Any] | None] = [None] * len(tensors)
        parts: dict[int, NDArray[Any]] = {}

        def add(index: int, gradient: NDArray[Any]) -> None:
            known = found[index]
            found[index] = gradient if known is None else known + gradient

        def of_parts(index: int) -> NDArray[Any]:
            """Where the gradients of the parts of a tensor gather."""
            if index not in parts:
                parts[index] = np.zeros(tensors[index].shape, self.program.real)
            return parts[index]

        for key, part in self._trained_weights:
            gradient = accumulated["weight_gradient", key[1]].reshape(self.width(key[1]), -1)
            if part.is_whole:
                add(part.index, gradient)
            else:
                part.of(of_parts(part.index))[...] += gradient
        for key, width, biases in self._trained_biases:
            for index, rows in biases:  # a gradient of its own for each bias, since an optimizer may change it in place
                if tensors[index].shape == (width,):
                    add(index, accumulated["bias_gradient", key[1]].copy())
                else:
                    of_parts(index)[rows] += accumulated["bias_gradient", key[1]]
        for key, width, (index, features) in self._trained_parameters:
            gradient = accumulated["parameter_gradient", key[1]].reshape(-1, width).sum(0)
            shape = tensors[index].shape
            if shape.numel() == 1:
                add(index, gradient.sum().reshape(shape))
            elif shape.numel() == width:
                add(index, gradient.reshape(shape))
            else:
                of_parts(index).reshape(-1)[features] += gradient
        for index, gradient in parts.items():
            add(index, gradient)
        return [None if gradient is None else torch.from_numpy(np.asarray(gradient)) for gradient in found]

    def _paths(self) -> list[str]:
        schedule = self.program.schedule
        linears = [self.graph.at(linear, Linear) for linear in schedule.linears]
        of_linears = [path for linear in linears for path in (linear.weight, linear.bias)]
        return [*of_linears, *(self.graph.at(p, Parameter).path for p in schedule.parameters)]

    def _weight(self, linear: int) -> tuple[Key, "_Part"]:
        """The part of a tensor that a Linear multiplies by."""
        node = self.graph.at(linear, Linear)
        rows = slice(node.first_row, node.first_row + self.width(linear))
        columns = slice(node.first_column, node.first_column + self._read(linear))
        shape = self._sizes[node.weight]
        is_whole = not node.transposed and shape == (self.width(linear), self._read(linear))
        return ("weight", linear), _Part(self._index[node.weight], rows, columns, node.transposed, is_whole)

    def _bias_parts(self, total: int) -> list[tuple[int, slice]]:
        """The biases in a sum."""
        linears = [self.graph.at(linear, Linear) for linear in self.program.schedule.linears_of(total)]
        width = self.width(total)
        return [(self._index[n.bias], slice(n.first_row, n.first_row + width)) for n in linears if n.bias]

    def _vector(self, parameter: int) -> tuple[int, slice]:
        """The features of a tensor that is read elementwise."""
        node = self.graph.at(parameter, Parameter)
        stop = None if self._sizes[node.path].numel() == 1 else node.first + self.width(parameter)
        return self._index[node.path], slice(node.first, stop)

    def _read(self, linear: int) -> int:
        return self.width(self.program.schedule.source(linear))

    def _zeros(self, width: int) -> NDArray[Any]:
        return np.zeros(width, self.program.real)


@dataclass(frozen=True)
class _Part:
    """Where the weight of a Linear, (rows, columns), lies in a tensor, or in its transpose."""

    index: int
    rows: slice
    columns: slice
    transposed: bool
    is_whole: bool

    def of(self, matrix: NDArray[Any]) -> NDArray[Any]:
        """A view of the part."""
        part: NDArray[Any] = (matrix.T if self.transposed else matrix)[self.rows, self.columns]
        return part


def _owner(cell: Cell, path: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds a tensor of the cell, and its name there."""
    module, _, name = path.rpartition(".")
    attributes = vars(cell.get_submodule(module))
    dictionaries = (*(attributes[kind] for kind in TENSOR_DICTIONARIES), attributes)
    return next(dictionary for dictionary in dictionaries if name in dictionary), name
