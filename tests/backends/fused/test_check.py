"""The compiled loops are believed only once they agree with the plain loop, and nothing is left changed by that."""

import functools
import gc
import itertools
import os
import random
import warnings
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from interpreted import interpreted
from side_by_side import Formula, assert_same_numbers, drawn, numbers, prepared
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional

import rnnbench.backends.fused.runtime.run as fused_run
from rnnbench.backends import Eager, Fused, choose_backend, fallback_reason, planned_backend
from rnnbench.backends.fused.ir import operations
from rnnbench.backends.fused.runtime.binding import Binding
from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru

pytestmark = pytest.mark.usefixtures("interpret")


@dataclass
class Config:
    alpha: float = 0.5
    nested: dict[str, Any] = field(default_factory=lambda: {"list": [0.5, {"deep": 0.5}]})


class Slotted:
    __slots__ = ("__weakref__", "alpha")

    def __init__(self) -> None:
        self.alpha = 0.5


GLOBAL = {"alpha": 0.5}
VARIABLE: ContextVar[float] = ContextVar("alpha", default=0.5)
CACHED = functools.cache(lambda: 0.5)


class Step(Formula):
    """With places for settings and counters."""

    shared = 0.5

    def __init__(self, formula: Callable[[Any, Tensor, Tensor], Any]) -> None:
        super().__init__(lambda cell, x, h: torch.tanh(cell.inner(cell, x, h)))
        self.inner = formula
        self.config, self.space, self.slots, self.box = Config(), SimpleNamespace(alpha=0.5, t=0), Slotted(), [[0]]
        self.array, self.tensor = np.full(2, 0.5), torch.full((), 0.5, dtype=torch.float64)
        self.iterator = itertools.cycle([0.5, 1.0])
        self.act, self.tied = nn.Tanh(), nn.Linear(4, 4)
        self.tied.weight = self.U.weight
        self.rng = random.Random(0)
        self.register_buffer("seen", torch.zeros(()))
        self.pattern, self.member = Pattern(), Member.ONE


def no_diagonal(cell: Any, x: Tensor, h: Tensor) -> Tensor:
    weight = cell.U.weight.clone()
    weight.fill_diagonal_(0)
    return cell.W(x) + h @ weight


def recorded(cell: Cell) -> list[Any]:
    """All that choosing a backend could change."""
    tensors = [*cell.parameters(), *cell.buffers()]
    modes = [module.training for module in cell.modules()]
    generators = [random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()]  # noqa: NPY002
    own = [repr(vars(cell).get(name)) for name in ("config", "space", "box", "array", "tensor")]
    return [[t.tolist() for t in tensors], [t.requires_grad for t in tensors], modes, generators, own]


def test_a_cell_goes_when_nobody_has_it() -> None:
    cell = prepared(Gru(3, 4))
    assert isinstance(choose_backend(cell), Fused)
    gone = weakref.ref(cell)
    del cell
    gc.collect()
    assert gone() is None


def test_grads_and_parameters_are_left() -> None:
    cell = prepared(Gru(3, 4))
    cell.U_r.weight.requires_grad_(False)
    for parameter in cell.parameters():
        parameter.grad = torch.ones_like(parameter)
    grads, version = [parameter.grad for parameter in cell.parameters()], cell.U_n.weight._version
    before = recorded(cell)
    assert isinstance(choose_backend(cell), Fused)
    assert recorded(cell) == before
    assert all(parameter.grad is grad for parameter, grad in zip(cell.parameters(), grads, strict=True))
    assert cell.U_n.weight._version == version


def enclosed() -> tuple[Callable[[Any, Tensor, Tensor], Any], Callable[[], None]]:
    alpha = 0.5

    def change() -> None:
        nonlocal alpha
        alpha = 0.9

    return lambda cell, x, h: alpha * cell.W(x) + cell.U(h), change


ENCLOSED, CHANGE_ENCLOSED = enclosed()


class Base:
    alpha = 0.5


class Named(Base):
    def __init__(self) -> None:
        self.made_of = GLOBAL["made"]


class Pattern:
    __match_args__ = ("first",)

    def __init__(self) -> None:
        self.first, self.second = 0.5, 0.5


class Member(Enum):
    ONE = "one"

    @property
    def scale(self) -> Any:
        return GLOBAL["enum"]


class Doubled(nn.Parameter):
    """A parameter that is used as its double."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.linear:
            args = [2 * arg.as_subclass(Tensor) if isinstance(arg, cls) else arg for arg in args]
        return super().__torch_function__(func, types, tuple(args), kwargs or {})


def matched(cell: Any) -> Any:
    match cell.pattern:
        case Pattern(first, second=second):
            return first * second


def helper(value: float = 0.5) -> float:
    return value


GLOBAL.update(made=0.5, enum=0.5)
Change = Callable[[Any], Any]
SETTINGS: dict[str, tuple[Callable[[Any], Any], Change, Change]] = {
    "namespace": (lambda c: c.space.alpha, lambda c: setattr(c.space, "alpha", 0.9), lambda c: None),
    "list": (
        lambda c: c.config.nested["list"][0],
        lambda c: c.config.nested["list"].__setitem__(0, 0.9),
        lambda c: None,
    ),
    "array": (lambda c: float(c.array[1]), lambda c: c.array.fill(0.9), lambda c: None),
    "tensor": (lambda c: c.tensor, lambda c: c.tensor.fill_(0.9), lambda c: None),
    "class": (lambda c: c.shared, lambda c: setattr(Step, "shared", 0.9), lambda c: setattr(Step, "shared", 0.5)),
    "global dictionary": (
        lambda c: GLOBAL["alpha"],
        lambda c: GLOBAL.update(alpha=0.9),
        lambda c: GLOBAL.update(alpha=0.5),
    ),
    "class that is derived from": (
        lambda c: Named.alpha,
        lambda c: setattr(Base, "alpha", 0.9),
        lambda c: setattr(Base, "alpha", 0.5),
    ),
    "global of a constructor": (
        lambda c: Named().made_of,
        lambda c: GLOBAL.update(made=0.9),
        lambda c: GLOBAL.update(made=0.5),
    ),
    "attributes in a pattern": (matched, lambda c: vars(c.pattern).update(first=0.9, second=0.8), id),
    "code of a function": (
        lambda c: helper(),
        lambda c: setattr(helper, "__code__", (lambda value: 2 * value).__code__),
        lambda c: setattr(helper, "__code__", (lambda value: value).__code__),
    ),
    "default of a function": (
        lambda c: helper(),
        lambda c: setattr(helper, "__defaults__", (0.9,)),
        lambda c: setattr(helper, "__defaults__", (0.5,)),
    ),
    "method of a member of an enumeration": (
        lambda c: c.member.scale,
        lambda c: GLOBAL.update(enum=0.9),
        lambda c: GLOBAL.update(enum=0.5),
    ),
    "submodule": (lambda c: c.act(c.U.weight[0]), lambda c: setattr(c, "act", nn.Sigmoid()), id),
    "weight no longer tied": (
        lambda c: c.tied(c.U.weight[0]),
        lambda c: setattr(c.tied, "weight", nn.Parameter(2 * c.U.weight)),
        id,
    ),
}


@pytest.mark.parametrize("name", [*SETTINGS, "closure"])
def test_a_setting_that_changes_is_noticed(name: str) -> None:
    read, change, undo = SETTINGS.get(name, (None, lambda _: CHANGE_ENCLOSED(), lambda _: None))
    formula = ENCLOSED if read is None else (lambda cell, x, h: read(cell) * cell.W(x) + cell.U(h))
    cell = prepared(Step(formula))
    backend = choose_backend(cell)
    inputs, state = drawn(cell, 3, 2)
    first = backend.run(cell, inputs, state)[0]
    try:
        change(cell)
        assert_same_numbers(numbers(backend, cell, inputs, state), numbers(Eager(), cell, inputs, state), 1e-12)
        assert not torch.equal(backend.run(cell, inputs, state)[0], first)
    finally:
        undo(cell)


def test_a_module_of_the_user_is_not_imported_in_a_step() -> None:
    def step(cell: Any, x: Tensor, h: Tensor) -> Tensor:
        import math  # of the library: nothing in it changes

        import interpreted as settings

        return torch.tanh(cell.W(x) + math.pi * vars(settings).get("ALPHA", 0.5) * cell.U(h))

    reason = fallback_reason(prepared(Formula(step)), Eager())
    assert "imports interpreted while it runs; import it at the top of the file" in reason


def doubled(cell: Any) -> None:
    cell.U.weight = Doubled(cell.U.weight.detach())


@pytest.mark.filterwarnings("ignore:.*backend=eager:RuntimeWarning")
@pytest.mark.parametrize("change", [lambda cell: setattr(cell.U.weight, "alpha", 0.9), doubled])
def test_what_a_parameter_is_besides_its_numbers_is_noticed(change: Change) -> None:
    cell = prepared(Formula(lambda cell, x, h: torch.tanh(cell.W(x) + cell.U(h) * cell.U.weight.alpha)))
    cell.U.weight.alpha = Doubled.alpha = 0.5  # type: ignore[attr-defined, assignment]
    backend = choose_backend(cell)
    inputs, state = drawn(cell, 3, 2)
    first = backend.run(cell, inputs, state)[0]
    change(cell)
    found, truth = (numbers(each, cell, inputs, state) for each in (backend, Eager()))
    assert_same_numbers(found, truth, 1e-12)
    assert not torch.equal(found["outputs"], first)


@pytest.mark.filterwarnings("ignore:.*backend=eager:RuntimeWarning")
def test_a_default_type_that_changes_is_noticed() -> None:
    cell = prepared(Formula(lambda cell, x, h: torch.where(h > 0, 1.0, 0.5) * torch.tanh(cell.W(x))), torch.float32)
    backend = choose_backend(cell)
    inputs, state = drawn(cell, 3, 2)
    assert isinstance(backend, Fused)
    assert backend.run(cell, inputs, state)[0].dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert backend.run(cell, inputs, state)[0].dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_cell_is_chosen_and_run_in_inference_mode() -> None:
    cell = prepared(Gru(3, 4))
    inputs = drawn(cell, 3, 2)[0].detach()
    with torch.inference_mode():
        backend = choose_backend(cell)
        found = backend.run(cell, inputs)[0]
    assert isinstance(backend, Fused)
    torch.testing.assert_close(found, Eager().run(cell, inputs)[0].detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, at its first tangent
@pytest.mark.parametrize("switched", [torch.enable_grad, torch.no_grad])
def test_tangents_are_those_of_the_plain_loop(switched: Any) -> None:
    cell = prepared(Gru(3, 4))
    backend, inputs = choose_backend(cell), drawn(cell, 3, 2)[0].detach()
    with forward_ad.dual_level(), switched():
        dual = forward_ad.make_dual(inputs, torch.ones_like(inputs))
        found, truth = (forward_ad.unpack_dual(each.run(cell, dual)[0]).tangent for each in (backend, Eager()))
    assert torch.equal(found, truth)


UNSEEN: dict[str, Callable[[Any], Any]] = {
    "slots": lambda c: c.slots.alpha,
    "context variable": lambda c: VARIABLE.get(),
    "generator": lambda c: c.rng.random(),
    "iterator": lambda c: next(c.iterator),
    "environment": lambda c: float(os.environ.get("ALPHA", "0.5")),
    "cached function": lambda c: CACHED(),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_changes_unseen_is_refused_before_the_step_runs(name: str) -> None:
    cell: Any = prepared(Step(lambda cell, x, h: UNSEEN[name](cell) * cell.W(x) + cell.U(h)))
    state = cell.rng.getstate()
    assert "its step may" in str(Fused().unsupported_reason(cell))
    assert cell.rng.getstate() == state
    assert next(cell.iterator) == 0.5


def test_a_cell_that_changes_into_an_unfit_one_goes_to_the_plain_loop_or_raises() -> None:
    cell = prepared(Step(lambda cell, x, h: cell.W(x) + cell.U(h)))
    auto, named = choose_backend(cell), choose_backend(cell, "fused")
    assert isinstance(auto, Fused)
    cell.inner = no_diagonal
    inputs, state = drawn(cell, 3, 2)
    with pytest.warns(RuntimeWarning, match="runs with backend=eager from now on") as told:
        found = auto.run(cell, inputs, state)[0]
    assert len(told) == 1
    assert torch.equal(found, Eager().run(cell, inputs, state)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        auto.run(cell, inputs, state)
    assert fallback_reason(cell, auto)
    with pytest.raises(ValueError, match="backend=fused: cannot run Step"):
        named.run(cell, inputs, state)


def test_the_planned_backend_is_that_of_the_trace_whatever_the_check_says(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = prepared(Gru(3, 4))
    assert planned_backend(cell).name == "fused"
    monkeypatch.setattr(fused_run, "compiled", lambda source, real: interpreted(source.replace("tanh(", "("), real))
    assert isinstance(choose_backend(cell), Eager)
    assert "differs by" in fallback_reason(cell, Eager())
    assert planned_backend(cell).name == "fused"
    with pytest.raises(ValueError, match="differs by"):
        choose_backend(cell, "fused")


def test_without_numba_compiling_nothing_is_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    cell = Gru(3, 4)
    assert isinstance(planned_backend(cell), Eager)
    assert fallback_reason(cell, Eager()) == "NUMBA_DISABLE_JIT is set"


def wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The derivative of tanh without its square."""
    operation = operations.OPERATIONS["tanh"]
    wrong = replace(operation, gradients=(lambda g, y, x: g * (1 - y),))
    monkeypatch.setitem(operations.OPERATIONS, "tanh", wrong)


def scaled(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    right = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *given: change(right(*given)))


def in_source(monkeypatch: pytest.MonkeyPatch, right: str, wrong: str) -> None:
    def broken(source: str, real: str) -> Any:
        assert right in source
        return interpreted(source.replace(right, wrong), real)

    monkeypatch.setattr(fused_run, "compiled", broken)


def first_scaled(found: list[Any]) -> list[Any]:
    return [None if g is None else g * (1.001 if index == 0 else 1) for index, g in enumerate(found)]


MUTATIONS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "rule of a derivative": (wrong_rule, "gradient of"),
    "forward": (lambda patch: in_source(patch, "= sigmoid(", "= 1.001 * sigmoid("), "differs by"),
    "state of the last step": (lambda patch: in_source(patch, "h_next[k] = ", "h_next[k] = (step < 2) * "), "h"),
    "gradient of a weight": (lambda patch: scaled(patch, Binding, "gradients", first_scaled), ".weight differs"),
    "no gradient of a weight": (
        lambda patch: scaled(patch, Binding, "gradients", lambda found: [None, *found[1:]]),
        "in the plain loop, but not in the compiled loops",
    ),
    "gradient of a bias": (
        lambda patch: in_source(patch, "    outer_product_accumulate(\n", "    sum_accumulate = lambda *_: None\n"
                                "        outer_product_accumulate(\n"),
        ".bias differs",
    ),
    "gradient of the inputs": (
        lambda patch: in_source(patch, "W_r_packed = pack(", "W_r_packed = 1.05 * pack("),
        "gradient of the inputs",
    ),
    "gradient of the initial state": (
        lambda patch: scaled(patch, fused_run, "_initial", lambda found: found * 1.001),
        "gradient of the initial h",
    ),
    "profile": (
        lambda patch: scaled(patch, fused_run, "_after_each_step", lambda found: 1.001 * found),
        "gradient of h after each step",
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weights", ["drawn", "zero"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_every_kind_of_error_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, weights: str, dtype: torch.dtype
) -> None:
    break_it, words = MUTATIONS[name]
    cell = prepared(Gru(3, 4), dtype)
    if weights == "zero":
        torch.nn.utils.vector_to_parameters(0 * nn.utils.parameters_to_vector(cell.parameters()), cell.parameters())
    break_it(monkeypatch)
    reason = Fused().failed_check(cell)
    assert reason is not None
    assert words in reason
    assert "line" in reason


def test_other_random_numbers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = prepared(Step(lambda cell, x, h: cell.W(x) + cell.drop(cell.U(h))))
    assert Fused().failed_check(cell) is None
    cell = prepared(Step(lambda cell, x, h: cell.W(x) + cell.drop(cell.U(h))))
    monkeypatch.setattr(fused_run, "draw_noise", lambda kinds, *sizes: [torch.ones(*sizes[:2], 4, dtype=sizes[2])])
    assert "draw other random numbers" in str(Fused().failed_check(cell))
