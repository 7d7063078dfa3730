"""Random steps with side effects of all sorts: what auto computes is what the plain loop computes."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from side_by_side import assert_same_numbers, drawn, numbers, prepared
from torch import Tensor, nn

from rnnbench.backends import Eager, Fused, choose_backend
from rnnbench.cells import Cell, State


def clamped(cell: Any, v: Tensor) -> Tensor:
    cell.U.weight.data.clamp_(-0.3, 0.3)
    return cell.U(v)  # type: ignore[no-any-return]


def counted(cell: Any, v: Tensor) -> Tensor:
    cell.box[0][0] += 1
    return v * 0.9 ** cell.box[0][0]


def counted_in_closure() -> Any:
    count = 0

    def step(cell: Any, v: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return v / (1 + count % 4)

    return step


def counted_in_buffer(cell: Any, v: Tensor) -> Tensor:
    cell.seen += 1
    return v * torch.cos(cell.seen)


def cached(cell: Any, v: Tensor) -> Tensor:
    if "weight" not in cell.cache:
        cell.cache["weight"] = cell.U.weight.detach() * 2
    return v @ cell.cache["weight"]


def unseen(cell: Any, v: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.sigmoid(v)


def partly_unseen(cell: Any, v: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    gate = torch.sigmoid(cell.U(v))
    torch.set_grad_enabled(True)
    return gate * v


def remembered(cell: Any, v: Tensor, known: dict[str, Any] = {}) -> Tensor:  # noqa: B006 - the point
    known.setdefault(id(cell), cell.U.weight.detach() * 2)
    return v @ known[id(cell)]


EFFECTS: list[Any] = [
    clamped, counted, counted_in_buffer, cached, unseen, partly_unseen, remembered,
    lambda cell, v: v * (2 if isinstance(v, Tensor) else 1),
    lambda cell, v: v if hasattr(v, "node") else -v,
    lambda cell, v: v * next(cell.iterator),
    lambda cell, v: v * random.random(),
    lambda cell, v: v + cell.rng.random(),
    lambda cell, v: v * np.random.rand(),  # noqa: NPY002 - others write it
    lambda cell, v: v * torch.rand(()),
    lambda cell, v: v + torch.rand_like(v),
    lambda cell, v: torch.nn.functional.dropout(v, 0.5, cell.training),
    lambda cell, v: v if cell.drop.training else 2 * v,
    lambda cell, v: cell.drop(v),
    lambda cell, v: v * cell.space.alpha,
    lambda cell, v: v * (2.0 if [*range(v.shape[0])][-1] else 1.0),
    lambda cell, v: v * len((cell.U.weight > 0).nonzero()),
    lambda cell, v: v * (2.0 if torch.is_grad_enabled() else 1.0),
    lambda cell, v: (random.random(), v)[1],
]  # fmt: skip
PURE: list[Any] = [
    lambda cell, v: torch.tanh(v),
    lambda cell, v: torch.sigmoid(v) * v,
    lambda cell, v: cell.U(v),
    lambda cell, v: v + cell.bias,
    lambda cell, v: torch.relu(v),
]


class Effects(Cell):
    """A step that does some things one after the other."""

    def __init__(self, things: list[Any], hooks: int) -> None:
        super().__init__(2, 4)
        self.W, self.U, self.drop, self.act = self.input_map(), self.recurrent_map(), nn.Dropout(0.3), nn.Tanh()
        self.bias = nn.Parameter(torch.zeros(4))
        self.things, self.box, self.cache = things, [[0]], {}
        self.space = SimpleNamespace(alpha=0.5)
        self.iterator, self.rng = itertools.cycle([0.5, 1.0, 2.0]), random.Random(0)
        self.register_buffer("seen", torch.zeros((), dtype=torch.float64))
        if hooks == 1:
            self.act.register_forward_hook(lambda module, given, result: 2 * result)
        if hooks == 2:
            self.act.register_full_backward_hook(lambda module, given, result: (0.5 * given[0],))
        if hooks == 3:
            self.act.forward = lambda v: 2 * torch.tanh(v)  # type: ignore[method-assign]

    def step(self, x: Tensor, state: State) -> State:
        value = self.W(x) + self.U(state[0])
        for thing in self.things:
            value = thing(self, value)
        return (self.act(value),)


def made(seed: int) -> Cell:
    draw = random.Random(seed)
    things = draw.choices(PURE, k=draw.randint(1, 3)) + draw.choices(EFFECTS, k=draw.choice([0, 1, 1, 1, 2]))
    draw.shuffle(things)
    if draw.random() < 0.05:
        things.append(counted_in_closure())
    cell = prepared(Effects(things, draw.choice([0] * 12 + [1, 2, 3])))
    if draw.random() < 0.3:
        cell.drop.eval()
    return cell


def changed(cell: Any, seed: int) -> None:
    """Another setting, or another mode."""
    kind = random.Random(seed).randrange(5)
    if kind == 0:
        cell.space.alpha = 0.9
    elif kind == 1:
        cell.eval()
    elif kind == 2:
        cell.things = cell.things[1:]
    elif kind == 3:
        with torch.no_grad():
            cell.U.weight.mul_(1.5)
    else:
        cell.drop.train(not cell.drop.training)


def outcome(seed: int, make: Callable[[int], Cell] = made) -> str:
    """How auto ran a random step, compared with the plain loop over several calls and a change of settings."""
    cell, plain = make(seed), make(seed)
    backend = choose_backend(cell)
    if Fused().unsupported_reason(cell):
        kind = "refused when traced"
    else:
        kind = "compiled" if isinstance(backend, Fused) else "refused by the check"
    plain.iterator, cell.iterator = (itertools.cycle([0.5, 1.0, 2.0]) for _ in range(2))  # advanced by the choice
    for call in range(4):
        if call == 2:
            changed(cell, seed)
            changed(plain, seed)
        inputs, state = drawn(cell, 3, 2 - call % 2)
        found = []
        for each, run in ((backend, cell), (Eager(), plain)):
            for start in (random.seed, torch.manual_seed, np.random.seed):
                start(call)
            found.append(numbers(each, run, inputs, state))
        assert_same_numbers(found[0], found[1], 1e-11)
    return kind


pytestmark = [pytest.mark.usefixtures("interpret"), pytest.mark.filterwarnings("ignore:.*backend=eager:RuntimeWarning")]


@pytest.mark.parametrize("index", range(len(EFFECTS)))
def test_no_side_effect_is_silently_lost(index: int) -> None:
    outcome(index, lambda _: prepared(Effects([PURE[0], EFFECTS[index]], 0)))


@pytest.mark.parametrize("seeds", [30, pytest.param(300, marks=pytest.mark.long)])
def test_random_side_effects_are_never_silently_lost(seeds: int) -> None:
    found: Counter[str] = Counter()
    for seed in range(seeds):
        try:
            found[outcome(seed)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    assert found["compiled"] >= seeds / 10
    assert found["refused when traced"]
