"""A program bound to the tensors of one cell: the arrays that the loops read, the gradients from what they write.

What does not depend on the batch is computed once: a short run takes no longer than a few hundred lines of Python.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnbench.backends.fused.codegen.generate import Program
from rnnbench.backends.fused.frontend.cell_state import TENSOR_DICTIONARIES, tensors_of
from rnnbench.backends.fused.frontend.invariants import Derived
from rnnbench.backends.fused.ir.nodes import Input, Linear, Noise, Parameter, State, StoredGradient
from rnnbench.backends.fused.runtime.batch_threads import batch_ranges
from rnnbench.backends.fused.runtime.memory import BlockLayout
from rnnbench.cells import Cell

Arrays = Sequence[NDArray[Any]]

CHUNK_ROWS = 192
"""Rows of gradients that are collected before they are multiplied into the weights' gradients: enough to keep the
microkernel busy, few enough to stay in the cache."""

CACHED_PLANS = 64
"""For how many sizes a binding keeps the plans."""


class Plan:
    """Where the arrays of a run lie in its three blocks of memory, and the integers that the loops take."""

    def __init__(self, binding: "Binding", steps: int, batch: int, threads: int) -> None:
        program, width = binding.program, binding.width
        schedule = program.schedule
        self.binding = binding
        self.state_shapes = [(steps + 1, batch, features) for features in binding.state_widths]
        size = batch * binding.state_widths[0]
        self.outputs = (steps, *self.state_shapes[0][1:]), (size, binding.state_widths[0], 1), size
        """The shape, the strides and the place of h after each step, in the first block."""
        states = [(steps + 1) * batch * features for features in binding.state_widths]
        saved = [steps * batch * width(position) for position in schedule.saved_for_backward]
        weights = [width(linear) * width(schedule.source(linear)) for linear in schedule.linears]
        biases = [width(total) for total in schedule.linear_sums]
        self.activations = BlockLayout([*states, *saved], binding.dtype)
        """The states, (steps + 1, batch, width) with the initial one first, and what is saved with them for the
        backward pass, (steps, batch, width)."""
        self.state_gradients = BlockLayout(states, binding.dtype)
        """With respect to the states at every step."""
        self.final_gradients = BlockLayout([2 * batch * features for features in binding.state_widths], binding.dtype)
        """With respect to the states at two steps."""
        self.accumulated = BlockLayout(
            [*weights, *biases, *(batch * width(p) for p in schedule.parameters)], binding.dtype
        )
        """The gradients of the weights, the sums of biases and the parameters, accumulated over the steps, by each
        thread on its own."""
        ranges = batch_ranges(batch, steps * batch * sum(weights), threads)
        self.forward_sizes = [(steps, batch, *part, *program.sizes) for part in ranges]
        """The integers that the forward loop takes, for each of the threads."""
        chunks = [max(1, CHUNK_ROWS // (stop - start)) for start, stop in ranges]
        self.backward_sizes = [(*sizes, chunk) for sizes, chunk in zip(self.forward_sizes, chunks, strict=True)]


class Binding:
    """A program bound to a cell. It refers to the cell's dictionaries of tensors and not to the cell, which may go."""

    def __init__(self, program: Program, derived: Derived, cell: Cell) -> None:
        self.program = program
        self.graph = program.schedule.graph
        self.state_widths = [self.width(state) for state in self.graph.positions(State)]
        self.input_size = cell.input_size
        self.dtype: torch.dtype = getattr(torch, program.real)
        stored = [self.graph.at(p, StoredGradient).of for p in self.graph.positions(StoredGradient)]
        self.touches_input = any(isinstance(self.graph.nodes[position], Input) for position in stored)
        """Whether the backward pass writes a gradient for the inputs even where nobody asks for one."""
        self.noise = [self.graph.at(p, Noise) for p in self.graph.positions(Noise)]
        known = {path for path, _ in tensors_of(cell)}
        paths = [path for path in dict.fromkeys(self._paths()) if path in known]
        self._owners = [_owner(cell, path) for path in paths]
        self._derived = derived
        self._index = {path: index for index, path in enumerate([*paths, *derived.paths])}
        self._shapes = [tensor.shape for tensor in self.tensors(cell)]
        schedule = program.schedule
        self.sums = len(schedule.linear_sums)
        """How many sums of biases `read` gives, behind all else."""
        weights = [self._weight(linear) for linear in schedule.linears]
        biases = [self._biases(total) for total in schedule.linear_sums]
        vectors = [self._vector(parameter) for parameter in schedule.parameters]
        self._readers: list[Callable[[Arrays, int], NDArray[Any]]] = [
            *(partial(_per_example, place) for place in vectors),
            *(partial(_matrix, place) for place in weights),
            *(partial(_sum, places, np.zeros(self.width(p), program.real))
              for p, places in zip(schedule.linear_sums, biases, strict=True)),
        ]  # fmt: skip
        self._known: tuple[list[int], Arrays, Arrays, list[int]] = [], [], [], []
        reached = self.graph.gradients
        sums = [total for total in schedule.linear_sums if total in reached]
        led = {linear for total in sums for linear in schedule.linears_of(total)}
        positions = [*schedule.linears, *schedule.linear_sums, *schedule.parameters]
        places = [*([place] for place in weights), *biases, *([place] for place in vectors)]
        trained = {*led, *sums, *(p for p in schedule.parameters if p in reached)}
        uses = enumerate(zip(positions, places, strict=True))
        self._trained = [(at, place) for at, (position, each) in uses if position in trained for place in each]
        self._plans: dict[tuple[int, int, int], Plan] = {}

    def width(self, position: int) -> int:
        """The width of a node."""
        return self.graph.width(position)

    def plan(self, steps: int, batch: int, threads: int) -> Plan:
        """The plan of a run, kept for the latest sizes."""
        sizes = steps, batch, threads
        if sizes not in self._plans:
            if len(self._plans) >= CACHED_PLANS:
                self._plans.clear()
            self._plans[sizes] = Plan(self, *sizes)
        return self._plans[sizes]

    def tensors(self, cell: Cell) -> list[Tensor]:
        """The tensors that the program reads, each once: the cell's, and those computed from them."""
        return [*(owner[name] for owner, name in self._owners), *self._derived.tensors(cell)]

    def read(self, tensors: Sequence[Tensor], batch: int) -> Arrays:
        """The tensors as the loops read them: parameters once per example, weights, and sums of biases.

        Views of the tensors' memory are used again while it is the same: held by them, it cannot be another's.
        """
        tensors = [tensor.contiguous() for tensor in tensors]
        pointers = [tensor.data_ptr() for tensor in tensors]
        known, numbers, arrays, copies = self._known
        if pointers != known:
            numbers = [tensor.detach().numpy() for tensor in tensors]
            arrays = [reader(numbers, batch) for reader in self._readers]
            shared = [any(np.may_share_memory(array, other) for other in numbers) for array in arrays]
            copies = [at for at, is_view in enumerate(shared) if not is_view]
            self._known = pointers, numbers, arrays, copies
        if copies:
            arrays = list(arrays)
            for at in copies:
                arrays[at] = self._readers[at](numbers, batch)
        return arrays

    def gradients(self, accumulated: Arrays) -> list[Tensor | None]:
        """The gradients of the cell's tensors, None where no gradient reaches them; of several uses their sum."""
        found: list[NDArray[Any] | None] = [None] * len(self._shapes)
        for at, place in self._trained:
            gradient, known = place.gradient(accumulated[at]), found[place.index]
            if known is None and place.is_whole:
                found[place.index] = gradient.reshape(self._shapes[place.index])
                continue
            if known is None:
                known = found[place.index] = np.zeros(self._shapes[place.index], self.program.real)
            part = place.of(known)
            part += gradient.reshape(part.shape)
        return [None if gradient is None else torch.from_numpy(gradient) for gradient in found]

    def _paths(self) -> list[str]:
        schedule = self.program.schedule
        linears = [self.graph.at(linear, Linear) for linear in schedule.linears]
        of_linears = [path for linear in linears for path in (linear.weight, linear.bias)]
        return [*of_linears, *(self.graph.at(p, Parameter).path for p in schedule.parameters)]

    def _weight(self, linear: int) -> "_Place":
        node = self.graph.at(linear, Linear)
        shape = self.width(linear), self.width(self.program.schedule.source(linear))
        index = self._index[node.weight]
        rows, columns = (
            slice(first, first + count) for first, count in zip((node.first_row, node.first_column), shape, strict=True)
        )
        is_whole = not node.transposed and self._shapes[index] == shape
        return _Place(index, is_whole, rows, columns, node.transposed)

    def _biases(self, total: int) -> list["_Place"]:
        """Of the terms of a sum."""
        width, found = self.width(total), []
        for linear in self.program.schedule.linears_of(total):
            node = self.graph.at(linear, Linear)
            if node.bias:
                rows, index = slice(node.first_row, node.first_row + width), self._index[node.bias]
                found.append(_Place(index, self._shapes[index] == (width,), rows))
        return found

    def _vector(self, parameter: int) -> "_Place":
        node, width = self.graph.at(parameter, Parameter), self.width(parameter)
        index = self._index[node.path]
        numbers = self._shapes[index].numel()
        features = slice(node.first, None if numbers == 1 else node.first + width)
        return _Place(index, numbers in (1, width), features, width=width, is_number=numbers == 1)


@dataclass(frozen=True)
class _Place:
    """Where what a loop reads lies in one of the tensors: a matrix, or numbers in a row."""

    index: int
    is_whole: bool
    rows: slice
    columns: slice | None = None
    transposed: bool = False
    width: int = 0
    is_number: bool = False

    def of(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """A view of that part of the tensor."""
        part: NDArray[Any]
        if self.columns is None:
            part = tensor.reshape(-1)[self.rows]
        else:
            part = (tensor.T if self.transposed else tensor)[self.rows, self.columns]
        return part

    def gradient(self, accumulated: NDArray[Any]) -> NDArray[Any]:
        """The gradient of that part, in memory that is its own, since an optimizer may change it in place."""
        if self.columns is not None:
            return accumulated
        if not self.width:  # of a bias, the same for every bias of a sum
            return accumulated.copy()
        found: NDArray[Any] = accumulated.reshape(-1, self.width).sum(0)
        return found.sum(keepdims=True) if self.is_number else found


def _matrix(place: _Place, numbers: Arrays, _: int) -> NDArray[Any]:
    return np.ascontiguousarray(place.of(numbers[place.index])).reshape(-1)


def _sum(places: list[_Place], zeros: NDArray[Any], numbers: Arrays, _: int) -> NDArray[Any]:
    parts = [place.of(numbers[place.index]) for place in places]
    return parts[0] if len(parts) == 1 else sum(parts, zeros)


def _per_example(place: _Place, numbers: Arrays, batch: int) -> NDArray[Any]:
    return np.tile(np.broadcast_to(place.of(numbers[place.index]), place.width), batch)


def _owner(cell: Cell, path: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds a tensor of the cell, and its name there."""
    module, _, name = path.rpartition(".")
    attributes = vars(cell.get_submodule(module))
    dictionaries = (*(attributes[kind] for kind in TENSOR_DICTIONARIES), attributes)
    return next(dictionary for dictionary in dictionaries if name in dictionary), name
