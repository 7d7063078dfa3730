"""Initialisations by name: what each sets, on every cell that has it, and who refuses."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.indrnn import Indrnn
from rnnbench.cells.janet import Janet
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.rnn import Rnn
from rnnbench.cells.star import Star
from rnnbench.model import INITIALISATIONS, Model, initialise_cell
from tests.drawn import MENU, cell_of_menu, seeded
from tests.probes.references import model_of

INPUT, HIDDEN = 3, 6
NO_RECURRENT_MATRIX = {
    "min_gru", "min_gru_log", "min_lstm", "indrnn", "sru", "antisymmetric_rnn", "exprnn", "lstm_1997",
}  # fmt: skip
NO_GATE_BIAS = {
    "lru", "slstm", "lstm_1997",
    "rnn", "rnn_pascanu", "rnn_relu", "indrnn", "gru_concat_no_bias", "gru_no_bias",
    "lem", "cornn", "nbrc", "antisymmetric_rnn", "exprnn",
}  # fmt: skip


class TransposedGates(Cell):
    """A user's cell: two stacked gates on [x, h], in that order, and a plain matrix."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.gates = nn.Linear(input_size + hidden_size, 2 * hidden_size)
        self.W = self.input_map()
        self.R = nn.Parameter(torch.zeros(hidden_size, hidden_size))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z, r = torch.sigmoid(self.gates(torch.cat([x, h], 1))).chunk(2, 1)
        return ((1 - z) * h + z * torch.tanh(self.W(x) + (r * h) @ self.R),)


class Mixed(Cell):
    """A user's cell whose matrix acts on more of the state than can be told apart."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Linear(input_size + 2 * hidden_size, hidden_size)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (torch.tanh(self.W(torch.cat([h, x, h * h], 1))),)


def initialised(cell: Cell, name: str, chrono_length: int | None = None, seed: int = 0) -> Cell:
    initialise_cell(cell, name, seeded(seed), chrono_length)
    return cell


def state_matrices(cell: Cell) -> dict[str, Tensor]:
    """The (hidden, hidden) matrices on the state, read off the shipped cells' names; concatenations are [h, x]."""
    matrices = {}
    for name, parameter in cell.named_parameters():
        if parameter.ndim == 2 and isinstance(cell, GruConcat):
            matrices[name] = parameter[:, :HIDDEN]
        elif parameter.ndim == 2 and name.startswith(("U", "V", "C_")):
            matrices[name] = parameter
    return matrices


@pytest.fixture(params=MENU)
def configured(request: pytest.FixtureRequest) -> tuple[str, Cell]:
    return request.param, cell_of_menu(request.param, INPUT, HIDDEN)


@pytest.mark.parametrize("name", ["orthogonal", "identity", "gain"])
def test_recurrent_matrices_are_orthogonal_the_identity_or_scaled(configured: tuple[str, Cell], name: str) -> None:
    """And, but for the identity, everything else is as the cell draws it."""
    cell_name, cell = configured
    settings = {"name": "default", "recurrent_gain": 2} if name == "gain" else {"name": name}
    if cell_name in NO_RECURRENT_MATRIX:
        with pytest.raises(ValueError, match=rf"^\w+=\w+: {type(cell).__name__} has no recurrent matrix"):
            initialise_cell(cell, generator=seeded(), **settings)
        return
    plain = {name: parameter.detach().clone() for name, parameter in initialised(cell, "default").named_parameters()}
    initialise_cell(cell, generator=seeded(), **settings)
    matrices = state_matrices(cell)
    assert matrices
    for key, matrix in matrices.items():
        if name == "gain":
            assert torch.equal(matrix, 2 * plain[key][:, :HIDDEN])
        else:
            torch.testing.assert_close(matrix @ matrix.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
            assert torch.equal(matrix, torch.eye(HIDDEN)) == (name == "identity")
    if name != "identity":
        assert len({float(matrix.detach()[0, 0]) for matrix in matrices.values()}) == len(matrices)
        for key, parameter in cell.named_parameters():
            rest = slice(HIDDEN if key in matrices else 0, None)
            assert torch.equal(parameter[..., rest], plain[key][..., rest])


def test_identity_is_the_irnn() -> None:
    cell = initialised(Rnn(50, 200, activation="relu"), "identity")
    assert torch.equal(cell.U.weight, torch.eye(200))
    assert not cell.W.bias.any()
    # 10,000 draws from N(0, 0.001^2): the standard deviation is known to 1 / sqrt(20,000), 0.7%.
    assert cell.W.weight.std().item() == pytest.approx(0.001, rel=0.03)
    positive = torch.rand(4, 200, generator=seeded())
    (after,) = cell.step(torch.zeros(4, 50), (positive,))
    torch.testing.assert_close(after, positive, rtol=0, atol=0)


def test_glorot_is_uniform_within_the_bound_of_each_block() -> None:
    lstm = initialised(Lstm(50, 200, forget_bias=1.5), "glorot")
    stacked = initialised(TransposedGates(50, 200), "glorot").gates.weight  # of two gates, each a block of its own
    for matrix, columns in [
        (lstm.U_f.weight, 200),
        (lstm.W_f.weight, 50),
        (stacked[:, 50:], 200),
        (stacked[:, :50], 50),
    ]:
        assert matrix.abs().max().item() == pytest.approx(math.sqrt(6 / (200 + columns)), rel=0.01)
        assert matrix.std().item() == pytest.approx(math.sqrt(2 / (200 + columns)), rel=0.03)
    assert torch.equal(lstm.W_f.bias, torch.full((200,), 1.5))  # what a cell's settings fix
    assert not any(linear.bias.any() for linear in (lstm.W_i, lstm.W_g, lstm.W_o))


@pytest.mark.parametrize("name", ["orthogonal", "identity"])
def test_blocks_of_a_custom_cell(name: str) -> None:
    cell = initialised(TransposedGates(INPUT, HIDDEN), name)
    gates = cell.gates.weight[:, INPUT:]
    for block in (gates[:HIDDEN], gates[HIDDEN:], cell.R):
        torch.testing.assert_close(block @ block.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)
    largest_input = cell.gates.weight[:, :INPUT].abs().max().item()
    assert (largest_input < 0.01) == (name == "identity")


def test_blocks_that_cannot_be_told_apart_are_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"^initialisation=orthogonal: cannot find .* Mixed's W.weight.* \(6, 15\); use"
    ):
        initialised(Mixed(INPUT, HIDDEN), "orthogonal")


def time_scale(cell: Cell) -> Tensor:
    """Steps over which a cell without input keeps 1/e of its state, from what it keeps of one step."""
    with torch.no_grad():
        for parameter in cell.parameters():
            if parameter.ndim == 2:
                nn.init.zeros_(parameter)
        for name, parameter in cell.named_parameters():
            if name.startswith(("p_", "v_")):
                nn.init.zeros_(parameter)
        large = 1e6
        if isinstance(cell, Star):  # whose sum is squashed: near 0 and without a candidate, by nothing
            nn.init.zeros_(cell.W_z.bias)
            large = 1e-6
        states = tuple(torch.full((1, HIDDEN), large, dtype=torch.float64) for _ in cell.state_names)
        after = cell.double().step(torch.zeros(1, INPUT, dtype=torch.float64), states)
    kept = after[-1][0] / large
    return 1 / (1 - kept)


def test_chrono_gives_every_cell_the_same_time_scales(configured: tuple[str, Cell]) -> None:
    """A forget gate with bias ln u keeps u / (1 + u) of the state: time scales 1 + u, with u from U[1, T - 1]."""
    cell_name, cell = configured
    if cell_name in NO_GATE_BIAS:
        with pytest.raises(ValueError, match=rf"^initialisation=chrono: {type(cell).__name__} has no gate bias"):
            initialised(cell, "chrono", 50)
        with pytest.raises(ValueError, match=r"^memory_bias=1\.0: .* has no gate bias for it; leave it at null$"):
            initialise_cell(cell, "default", seeded(0), memory_bias=1.0)
        return
    for bias in (0.0, 1.0):  # every gate keeps sigma(bias)
        initialise_cell(cell, "default", seeded(0), memory_bias=bias)
        if cell_name != "min_lstm":  # two gates, over their sum: at equal biases 1 / 2
            assert time_scale(cell) == pytest.approx(1 + math.exp(bias), rel=1e-4)
    scales = time_scale(initialised(cell, "chrono", chrono_length=50))
    assert scales.min() >= 2 - 1e-3
    assert scales.max() <= 50 + 1e-3
    assert len(set(scales.tolist())) == HIDDEN


def test_chrono_of_the_lstm() -> None:
    cell = initialised(Lstm(INPUT, 4000), "chrono", chrono_length=101)
    assert torch.equal(cell.W_i.bias, -cell.W_f.bias)
    steps = cell.W_f.bias.detach().double().exp()
    assert steps.min() >= 1 - 1e-5
    assert steps.max() <= 100 + 1e-3
    # The mean of 4000 draws from U[1, 100] has standard deviation 99 / sqrt(12 x 4000) = 0.45.
    assert abs(steps.mean().item() - 50.5) < 1.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "xavier"}, "initialisation=xavier: must be one of default, paper, orthogonal, glorot, identity, ch"),
        ({"name": "chrono"}, "chrono_length=None: must be at least 3"),
        ({"name": "chrono", "chrono_length": 2}, "chrono_length=2: must be at least 3"),
        ({"name": "chrono", "chrono_length": 9, "memory_bias": 1.0}, "memory_bias=1.0: chrono sets the same biases"),
        ({"name": "default", "recurrent_gain": 0.0}, "recurrent_gain=0.0: must be above 0 and finite"),
        ({"name": "default", "recurrent_gain": math.inf}, "recurrent_gain=inf: must be above 0 and finite"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}"):
        initialise_cell(Lstm(INPUT, HIDDEN), generator=seeded(), **settings)


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_all_draws_come_from_the_generator(name: str) -> None:
    cell, before, draws = Janet(INPUT, HIDDEN), torch.get_rng_state(), []
    for seed in (0, 0, 1):
        initialised(cell, name, chrono_length=20, seed=seed)
        draws.append(torch.cat([parameter.detach().flatten() for parameter in cell.parameters()]))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_model_passes_the_initialisation_to_every_layer() -> None:
    model = model_of(Gru, HIDDEN, 3, initialisation="chrono", chrono_length=3)
    for cell in model.cells:
        assert isinstance(cell, Gru)
        assert bool((cell.W_z.bias <= 0).all() and (cell.W_z.bias >= -math.log(2)).all())
    with pytest.raises(ValueError, match=r"^initialisation=identity: Indrnn has no recurrent matrix"):
        model_of(Indrnn, initialisation="identity")


class Set(Cell):
    """A cell whose constructor sets some of its parameters and leaves others to `initialise`."""

    left = ("W.weight", "W.bias", "matrix", "unset", "complex_matrix", "drawn_vector", "gru.weight_hh", "gru.bias_ih")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.gru = self.input_map(), nn.GRUCell(input_size, hidden_size)
        self.matrix = nn.Parameter(torch.zeros(hidden_size, hidden_size))
        self.unset = nn.Parameter(torch.empty(2, hidden_size))
        self.complex_matrix = nn.Parameter(torch.zeros(hidden_size, hidden_size, dtype=torch.complex64))
        self.drawn_vector = self.unit_weights()
        self.norm = nn.LayerNorm(hidden_size)
        self.zeros_of_own, self.number = nn.Parameter(torch.zeros(hidden_size)), nn.Parameter(torch.tensor(-4.0))
        self.identity = nn.Parameter(torch.eye(hidden_size))
        self.orthogonal = nn.utils.parametrizations.orthogonal(self.recurrent_map())
        self.start = nn.Parameter(torch.zeros(1, hidden_size))
        self.own_draws = nn.Parameter(torch.randn(hidden_size))
        self.register_buffer("mask", torch.rand(hidden_size))

    def initial_state(self, batch_size: int) -> State:
        return (self.start.expand(batch_size, -1),)

    def step(self, x: Tensor, state: State) -> State:
        return (self.gru(x, torch.tanh(self.W(x) + self.orthogonal(state[0]))),)


def set_model(seed: int, layers: int = 1) -> Model:
    return model_of(Set, HIDDEN, layers, input_size=INPUT, seed=seed)


def test_what_a_constructor_sets_stays() -> None:
    cell = set_model(0).cells[0]
    values = dict(cell.named_parameters())
    for name, wanted in {
        "norm.weight": torch.ones(HIDDEN),
        "norm.bias": torch.zeros(HIDDEN),
        "zeros_of_own": torch.zeros(HIDDEN),
        "number": torch.tensor(-4.0),
        "identity": torch.eye(HIDDEN),
        "start": torch.zeros(1, HIDDEN),
    }.items():
        assert torch.equal(values[name], wanted), name
    weight = cell.orthogonal.weight  # type: ignore[union-attr]
    torch.testing.assert_close(weight @ weight.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)  # type: ignore[operator, union-attr]


def test_what_a_constructor_leaves_is_drawn() -> None:
    values = dict(set_model(0).cells[0].named_parameters())
    for name in Set.left:
        numbers = torch.view_as_real(values[name]) if values[name].is_complex() else values[name]
        assert numbers.abs().max() <= HIDDEN**-0.5, name
        assert len(numbers.unique()) == numbers.numel(), name


def test_a_constructors_own_draws_follow_the_seed() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, again, other = (set_model(seed, layers=2).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_deterministic_debug_mode() == 0
    for name, value in one.items():
        assert torch.equal(value, again[name]), name
    for name in ("mask", "own_draws", "matrix", "unset", "orthogonal.parametrizations.weight.0.base"):
        for layer in (0, 1):
            assert not torch.equal(one[f"layers.{layer}.{name}"], other[f"layers.{layer}.{name}"]), name
        assert not torch.equal(one[f"layers.0.{name}"], one[f"layers.1.{name}"]), name
