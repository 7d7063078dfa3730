"""What every cell promises, tested on every YAML in conf/cell."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.lstm_1997 import Lstm1997
from rnnbench.model import Model
from rnnbench.tasks.adding import Adding
from tests.drawn import MENU, cell_of_menu, drawn, normal, seeded

INPUT, HIDDEN, BATCH = 3, 4, 2


@pytest.fixture(params=MENU)
def make_cell(request: pytest.FixtureRequest) -> Callable[[int, int], Cell]:
    return partial(cell_of_menu, request.param)


@pytest.fixture
def cell(make_cell: Callable[[int, int], Cell]) -> Cell:
    return drawn(make_cell(INPUT, HIDDEN))


def drawn_state(cell: Cell) -> State:
    return tuple(normal(len(cell.state_names), BATCH, HIDDEN, seed=2))


def test_trains_in_a_model(make_cell: Callable[[int, int], Cell]) -> None:
    task, generator = Adding(length=10), seeded(0)
    sizes = {"input_size": task.input_size, "output_size": 1, "hidden_size": HIDDEN, "layers": 2}
    model = Model(make_cell, **sizes, backend="eager", generator=generator)  # compiled: contract/test_backends.py
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        batch = task.draw(16, generator)
        loss = task.losses(model.predict(batch), batch).mean()
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert [name for name, value in model.named_parameters() if torch.equal(value, before[name])] == []


def test_gradients_are_those_of_finite_differences(cell: Cell) -> None:
    if isinstance(cell, Lstm1997):
        cell.truncated = False
    state = tuple(tensor.requires_grad_() for tensor in drawn_state(cell))
    parameters = tuple(cell.parameters())

    def run(inputs: torch.Tensor, *_: torch.Tensor) -> State:
        outputs, final = Eager().run(cell, inputs, state)
        return (outputs, *final)

    assert torch.autograd.gradcheck(run, (normal(3, BATCH, INPUT).requires_grad_(), *state, *parameters))


def test_a_sequence_is_its_steps_wherever_it_is_split(cell: Cell) -> None:
    inputs, state = normal(7, BATCH, INPUT), drawn_state(cell)
    whole, final = Eager().run(cell, inputs, state)
    head, between = Eager().run(cell, inputs[:3], state)
    tail, end = Eager().run(cell, inputs[3:], between)
    outputs = []
    for x in inputs:
        state = cell.step(x, state)
        outputs.append(state[0])
    assert len(final) == len(cell.state_names)
    assert torch.equal(whole, torch.stack(outputs))
    assert torch.equal(torch.cat([head, tail]), whole)
    assert all(torch.equal(one, other) for found in (end, final) for one, other in zip(found, state, strict=True))


def test_no_output_depends_on_later_inputs_or_on_other_examples(cell: Cell) -> None:
    inputs, state = normal(6, BATCH, INPUT), drawn_state(cell)
    outputs, _ = Eager().run(cell, inputs, state)
    changed, _ = Eager().run(cell, torch.cat([inputs[:3], inputs[3:] + 1]), state)
    assert torch.equal(changed[:3], outputs[:3])
    assert not torch.allclose(changed[3], outputs[3])
    alone, _ = Eager().run(cell, inputs[:, 1:], tuple(tensor[1:] for tensor in state))
    torch.testing.assert_close(alone, outputs[:, 1:], rtol=1e-12, atol=1e-14)


def test_weights_come_from_the_generator_alone(make_cell: Callable[[int, int], Cell]) -> None:
    cell = make_cell(INPUT, HIDDEN)
    before = torch.get_rng_state()
    draws = []
    for seed in (0, 0, 1):
        cell.initialise(seeded(seed))
        draws.append(torch.cat([parameter.detach().flatten() for parameter in cell.parameters()]))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
