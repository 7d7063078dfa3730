"""Initialisations by name, for any cell."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rnnbench.cells import Cell
from rnnbench.model.parameter_roles import parameter_roles

INITIALISATIONS = ("default", "paper", "orthogonal", "glorot", "identity", "chrono")
IRNN_INPUT_DEVIATION = 0.001


@contextmanager
def constructing(generator: torch.Generator) -> Iterator[None]:
    """For constructors of cells: what they draw comes from a seed that the generator, unmoved, gives, and what they
    leave without values (torch.empty) is NaN, which `Cell.initialise` draws."""
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    seed = int(torch.randint(2**63 - 1, (), generator=copy))
    before = torch.get_deterministic_debug_mode()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_deterministic_debug_mode("warn")  # which fills new memory
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)


def initialise_cell(
    cell: Cell,
    name: str,
    generator: torch.Generator,
    chrono_length: int | None = None,
    recurrent_gain: float = 1.0,
    memory_bias: float | None = None,
) -> None:
    """Draw the cell's weights, all from the generator, and scale every recurrent matrix by `recurrent_gain`.

    With a `memory_bias` m the bias of the gate on the old state becomes m, that of a single gate on the new state -m:
    at 0 and at 1 an LSTM and a GRU keep alike, as far as biases go.

    - default: the cell's own rule.
    - paper: the start that the cell's paper or code states (`Cell.initialise_as_published`), then, with a
      `chrono_length`, the biases of chrono.
    - orthogonal: the same, then every recurrent matrix a random orthogonal one (Saxe et al. 2014).
    - glorot: every block of a matrix uniform within sqrt(6 / (rows + columns)) of 0 (Glorot & Bengio 2010), the biases
      of linear maps zero but for those that the cell's own settings fix.
    - identity: the IRNN's (Le et al. 2015): recurrent matrices the identity, input matrices from N(0, 0.001^2), the
      biases of linear maps zero but for those that the cell's own settings fix.
    - chrono: the cell's rule, then forget biases ln U[1, T - 1] and input biases their negative, T = `chrono_length`
      being the longest memory expected, in steps (Tallec & Ollivier 2018). A single gate that weights the new
      state gets -ln U[1, T - 1]. It replaces a forget bias.

    A matrix of several blocks, one over the other or next to an input block, is set block by block.

    Raises ValueError for an unknown name, for a cell with no recurrent matrix or no such gate, for chrono without a
    length of at least 3, for a gain that is not above 0, and for a memory bias of a cell without such a gate or
    together with chrono, which sets the same biases.
    """
    if name not in INITIALISATIONS:
        raise ValueError(f"initialisation={name}: must be one of {', '.join(INITIALISATIONS)}")
    if not 0 < recurrent_gain < math.inf:
        raise ValueError(f"recurrent_gain={recurrent_gain}: must be above 0 and finite; 1 leaves the matrices alone")
    if name == "paper":
        cell.initialise_as_published(generator)
    else:
        cell.initialise(generator)
    with torch.no_grad():
        if name == "orthogonal":
            for block in _matrix_blocks(cell, f"initialisation={name}")[0]:
                nn.init.orthogonal_(block, generator=generator)
        elif name in ("glorot", "identity"):
            recurrent, inputs = _matrix_blocks(cell, f"initialisation={name}")
            set_blocks = _set_glorot if name == "glorot" else _set_irnn
            set_blocks(cell, recurrent, inputs, generator)
            for module in cell.modules():
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)
            cell.set_bias_starts()
        elif name == "chrono" or (name == "paper" and chrono_length is not None):
            _set_chrono_biases(cell, generator, chrono_length)
            if memory_bias is not None:
                raise ValueError(f"memory_bias={memory_bias}: chrono sets the same biases; leave out one of them")
        if memory_bias is not None:
            _set_gate_biases(cell, f"memory_bias={memory_bias}", torch.full((cell.hidden_size,), float(memory_bias)))
        if recurrent_gain != 1:
            for block in _matrix_blocks(cell, f"recurrent_gain={recurrent_gain}")[0]:
                block.mul_(recurrent_gain)


def _set_irnn(cell: Cell, recurrent: list[Tensor], inputs: list[Tensor], generator: torch.Generator) -> None:
    for block in recurrent:
        block.copy_(torch.eye(cell.hidden_size))
    for block in inputs:
        nn.init.normal_(block, std=IRNN_INPUT_DEVIATION, generator=generator)


def _set_glorot(cell: Cell, recurrent: list[Tensor], inputs: list[Tensor], generator: torch.Generator) -> None:
    for matrix in (*recurrent, *inputs):
        for block in matrix.split(cell.hidden_size):
            nn.init.xavier_uniform_(block, generator=generator)


def _set_chrono_biases(cell: Cell, generator: torch.Generator, length: int | None) -> None:
    if length is None or length < 3:
        raise ValueError(f"chrono_length={length}: must be at least 3 with initialisation=chrono (ln U[1, length - 1])")
    log_time = nn.init.uniform_(torch.empty(cell.hidden_size), 1, length - 1, generator=generator).log()
    _set_gate_biases(cell, "initialisation=chrono", log_time, and_write=True)


def _set_gate_biases(cell: Cell, wanted: str, values: Tensor, and_write: bool = False) -> None:
    """Set the bias of the gate on the old state to the values; that of one on the new, if alone or also, to -values.

    Raises ValueError, naming the setting, where there is no such gate.
    """
    parameters = dict(cell.named_parameters())
    keep, write, added = (parameters.get(name) for name in (cell.keep_bias, cell.write_bias, cell.added_bias))
    if keep is None and write is None:
        remedy = "leave it at null" if wanted.startswith("memory_bias") else "use another one"
        raise ValueError(f"{wanted}: {type(cell).__name__} has no gate bias for it; {remedy}")
    if keep is not None:
        keep.copy_(values)
    if write is not None and (keep is None or and_write):
        write.copy_(-values)
    if added is not None:
        nn.init.zeros_(added)


def _matrix_blocks(cell: Cell, wanted: str) -> tuple[list[Tensor], list[Tensor]]:
    """Views of the blocks on the state, each (hidden, hidden), and of those on the input; `wanted` for a setting.

    Raises ValueError, naming the setting and the parameter, where they cannot be told apart.
    """
    remedy = "use the default of this setting"
    recurrent, inputs, hidden = list[Tensor](), list[Tensor](), cell.hidden_size
    state_columns = _state_columns(cell)
    parameters = dict(cell.named_parameters())
    for name, role in parameter_roles(cell).items():
        matrix = parameters[name]
        if matrix.ndim != 2:
            continue
        if role == "input":
            inputs.append(matrix)
            continue
        columns = slice(0, hidden) if matrix.shape[1] == hidden else state_columns.get(name)
        if columns is None or matrix.shape[0] % hidden or matrix.is_complex():
            raise ValueError(
                f"{wanted}: cannot find the real (hidden, hidden) blocks of {type(cell).__name__}'s "
                f"{'complex ' if matrix.is_complex() else ''}{name}, whose shape is {tuple(matrix.shape)}; {remedy}"
            )
        recurrent.extend(matrix[:, columns].chunk(len(matrix) // hidden))
        inputs.extend(part for part in (matrix[:, : columns.start], matrix[:, columns.stop :]) if part.numel())
    if not recurrent:
        raise ValueError(f"{wanted}: {type(cell).__name__} has no recurrent matrix; {remedy}")
    return recurrent, inputs


def _state_columns(cell: Cell) -> dict[str, slice]:
    """For each linear map applied to state and input side by side, the columns of the state: with a zero state and
    an input of ones, they are those multiplied by zeros."""
    columns: dict[str, slice] = {}

    def note(name: str, argument: Tensor) -> None:
        met_zero = (argument[0] == 0).nonzero().flatten().tolist()
        if len(met_zero) == cell.hidden_size and met_zero[-1] - met_zero[0] == cell.hidden_size - 1:
            columns[f"{name}.weight"] = slice(met_zero[0], met_zero[-1] + 1)

    handles = [
        module.register_forward_pre_hook(lambda _, arguments, name=name: note(name, arguments[0]))
        for name, module in cell.named_modules()
        if isinstance(module, nn.Linear)
    ]
    state = cell.initial_state(1)
    cell.step(cell.zeros(1, cell.input_size) + 1, tuple(torch.zeros_like(tensor) for tensor in state))
    for handle in handles:
        handle.remove()
    return columns
