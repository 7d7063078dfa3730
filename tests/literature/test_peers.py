"""Cells of other packages as they are: one `step` that calls the package's own `forward`, compiled, against eager.

They come with the extra `peers`. What is compared is what fused and eager give for the same module, not the package
with a paper.
"""

from typing import Any

import pytest
import torch
from side_by_side import assert_same_as_eager
from torch import Tensor, nn

from rnnbench.backends import Fused
from rnnbench.cells import Cell, State

TOLERANCES = {"SGUCell": 1e-6, "DSGUCell": 1e-6}
"""torch's hardsigmoid has 1/6 in single precision in its derivative."""


def widths_of(states: Any) -> list[int]:
    return [states.shape[1]] if isinstance(states, Tensor) else [state.shape[1] for state in states]


class Peer(Cell):
    """A cell of torchrecurrent: h' = cell(x, h), (h', c') = cell(x, (h, c)), or an output and one of these."""

    def __init__(self, kind: type[nn.Module], input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.cell = kind(input_size, hidden_size)
        self.decoupled = any("Decoupled" in base.__name__ for base in kind.__mro__)
        with torch.no_grad():
            made = self.cell(torch.zeros(1, input_size))
        self.widths = [width for part in (made if self.decoupled else [made]) for width in widths_of(part)]
        self.state_names = ("h", "c", "d")[: len(self.widths)]

    def initial_state(self, batch_size: int) -> State:
        return tuple(self.zeros(batch_size, width) for width in self.widths)

    def step(self, x: Tensor, state: State) -> State:
        kept = state[1:] if self.decoupled else state
        result = self.cell(x, kept[0] if len(kept) == 1 else kept)
        if not self.decoupled:
            return (result,) if isinstance(result, Tensor) else tuple(result)
        output, new = result
        return (output, new) if isinstance(new, Tensor) else (output, *new)


def cells_of_torchrecurrent() -> list[str]:
    package = pytest.importorskip("torchrecurrent")
    return sorted(name for name in dir(package) if name.endswith("Cell"))


def made(kind: type[Cell], inputs: int, hidden: int, dtype: torch.dtype) -> Cell:
    """A cell with weights of its own rule, moved a little so that no gradient vanishes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cell = kind(inputs, hidden)
    generator = torch.Generator().manual_seed(1)
    if type(cell).initialise is not Cell.initialise:
        cell.initialise(generator)
    cell = cell.to(dtype)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return cell


def check(cell: Cell, tolerance: float = 1e-11) -> None:
    assert Fused().unsupported_reason(cell) is None
    assert_same_as_eager(cell, 7, 3, tolerance)


def test_the_cells_of_torchrecurrent_run_compiled_with_the_numbers_of_eager(interpret: None) -> None:
    package = pytest.importorskip("torchrecurrent")
    names = cells_of_torchrecurrent()
    assert len(names) == 41
    wrong = {}
    for name in names:
        inputs = 6 if name in ("IntersectionRNNCell", "ATRCell") else 3
        try:
            cell = made(lambda i, h, name=name: Peer(getattr(package, name), i, h), inputs, 6, torch.float64)
            check(cell, TOLERANCES.get(name, 1e-11))
        except Exception as error:
            wrong[name] = f"{type(error).__name__}: {error}"[:300]
    assert not wrong


class Closed(Cell):
    """A closed-form continuous-time cell of ncps."""

    def __init__(self, input_size: int, hidden_size: int, **settings: Any) -> None:
        super().__init__(input_size, hidden_size)
        package = pytest.importorskip("ncps.torch")
        self.cell = package.CfCCell(input_size, hidden_size, backbone_units=9, **settings)

    def step(self, x: Tensor, state: State) -> State:
        return (self.cell(x, state[0], 1.0)[0],)


class Minimal(Cell):
    """minGRU_pytorch's minGRU for one step: it takes (batch, 1, features)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.widen = nn.Linear(input_size, hidden_size)
        self.cell = pytest.importorskip("minGRU_pytorch").minGRU(hidden_size)

    def step(self, x: Tensor, state: State) -> State:
        return (self.cell(self.widen(x).unsqueeze(1), state[0].unsqueeze(1)).squeeze(1),)


class ScalarLstm(Cell):
    """torchxlstm's sLSTM block: an output, and four tensors of a state."""

    state_names = ("y", "h", "c", "n", "m")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.widen = nn.Linear(input_size, hidden_size)
        self.block = pytest.importorskip("torchxlstm").sLSTMBlock(hidden_size, hidden_size // 2, 2)

    def step(self, x: Tensor, state: State) -> State:
        output, new = self.block(self.widen(x), state[1:])
        return (output, *new)


OTHERS: dict[str, Any] = {
    "CfC": Closed,
    "CfC, pure": lambda i, h: Closed(i, h, mode="pure"),
    "CfC, two layers with dropout": lambda i, h: Closed(i, h, backbone_layers=2, backbone_dropout=0.2),
    "minGRU": Minimal,
    "sLSTM of torchxlstm": ScalarLstm,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_cells_run_compiled_with_the_numbers_of_eager(interpret: None, name: str) -> None:
    check(made(OTHERS[name], 3, 6, torch.float64))


def test_truly_compiled_loops_of_others_have_the_numbers_of_eager() -> None:
    package = pytest.importorskip("torchrecurrent")
    cell = made(lambda i, h: Peer(package.MGUCell, i, h), 3, 6, torch.float64)
    assert_same_as_eager(cell, 7, 3, 1e-11)
