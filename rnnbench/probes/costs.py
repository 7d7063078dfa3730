"""What a model costs, whatever it learns: parameters, state size, operations, memory."""

import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from rnnbench.cells.states import count_numbers, nested_tensors
from rnnbench.model import Model
from rnnbench.probes.probe import Measurement, Probe
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task


class Costs(Probe):
    """Counts made on the model itself, once at initialisation, rather than by a formula per cell."""

    columns: ClassVar[Mapping[str, Column]] = {
        "parameters": Column("trainable parameters of the whole model; a complex one is two"),
        "parameters_recurrent_layers": Column(
            "trainable parameters of the recurrent layers, input maps and biases included, without the readout"
        ),
        "state_size": Column("numbers in the state of one example, all layers and state tensors; a complex one is two"),
        "multiply_adds_per_token": Column(
            "multiply-adds of the matrix products in one forward step of one example, readout included; a product of "
            "complex numbers is four; elementwise operations and products of weights alone are not counted"
        ),
        "peak_memory_bytes": Column(
            "peak memory of one training step's tensors, without weights, batch and optimizer state", "bytes"
        ),
    }

    def due(self, step: int, last: bool) -> bool:
        return step == 0

    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        return Measurement(
            {
                "parameters": count_numbers(model.parameters()),
                "parameters_recurrent_layers": sum(count_numbers(cell.parameters()) for cell in model.cells),
                "state_size": sum(count_numbers(cell.initial_state(1)) for cell in model.cells),
                "multiply_adds_per_token": multiply_adds_per_token(model),
                "peak_memory_bytes": peak_memory_bytes(model, task, batch),
            }
        )


@torch.no_grad()
def multiply_adds_per_token(model: Model) -> int:
    """Multiply-adds of the matrix products in one step of every layer and the readout, for one example.

    The difference between two examples and one, which leaves out products of weights alone.
    """
    weight = model.readout.weight
    operations: list[int] = []
    for examples in (1, 2):
        states = [tuple(tensor.detach() for tensor in cell.initial_state(examples)) for cell in model.cells]
        with _Operations() as counted:
            for cell, state in zip(model.cells, states, strict=True):
                cell.step(weight.new_zeros(examples, cell.input_size), state)
            model.readout(weight.new_zeros(examples, model.readout.in_features))
        operations.append(counted.total)
    of_one, of_two = operations
    return (of_two - of_one) // 2


class _Operations(TorchDispatchMode):
    """Counts the operations of matrix products; those of complex numbers count four times."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if (formula := flop_registry.get(function._overloadpacket)) is not None:
            is_complex = any(tensor.is_complex() for tensor in nested_tensors(result))
            self.total += int(formula(*args, **(kwargs or {}), out_val=result)) * (4 if is_complex else 1)
        return result


def peak_memory_bytes(model: Model, task: Task, batch: Batch) -> int:
    """Peak bytes of the tensors that a forward and backward pass allocates."""
    model.zero_grad()
    known = [*model.parameters(), batch.inputs, batch.targets]
    with _AllocatedBytes(known) as allocated:
        task.mean_loss(model.predict(batch), batch).backward()
    model.zero_grad()
    return int(allocated.peak)


class _AllocatedBytes(TorchDispatchMode):
    """Tracks the bytes of every storage that an operation returns, until it is freed."""

    def __init__(self, known: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = {tensor.untyped_storage().data_ptr() for tensor in known}
        self.now = self.peak = 0

    def __torch_dispatch__(self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for storage in (tensor.untyped_storage() for tensor in nested_tensors(result)):
            address, size = storage.data_ptr(), storage.nbytes()
            if size and address not in self.live:
                self.live.add(address)
                self.now += size
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._release, address, size)
        return result

    def _release(self, address: int, size: int) -> None:
        self.live.discard(address)
        self.now -= size


for _mode in (_Operations, _AllocatedBytes):  # without what only torch.compile needs, which takes seconds to import
    _mode.__torch_dispatch__ = inspect.unwrap(_mode.__torch_dispatch__)  # type: ignore[method-assign]
