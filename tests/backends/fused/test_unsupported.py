"""What the fused backend does not support, in errors that name it; what `auto` does then."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
import torch
from side_by_side import Formula
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from rnnbench.backends import Eager, Fused, TorchNn, backend_named, choose_backend
from rnnbench.backends.fused import explain
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch


class Step(Formula):
    def __init__(self, formula: Callable[[Any, Tensor, Tensor], Any]) -> None:
        super().__init__(formula, 3, 7)
        self.narrow, self.norm = nn.Linear(7, 2), nn.LayerNorm(7)
        self.matrix = nn.Parameter(torch.zeros(7, 7))


def in_place(cell: Any, x: Tensor, h: Tensor) -> Tensor:
    h += cell.W(x)
    return h


class Spike(torch.autograd.Function):
    """A step whose gradient is another function."""

    @staticmethod
    def forward(context: Any, v: Tensor) -> Tensor:
        context.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return gradient / (25 * context.saved_tensors[0].abs() + 1) ** 2


def unused(change: Callable[[Tensor], object], of: Callable[[Any, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A change in place of a copy whose own result is not used."""

    def formula(cell: Any, x: Tensor, h: Tensor) -> Tensor:
        w = of(cell, h)
        change(w)
        return h @ w if w.shape == cell.matrix.shape else h * w

    return formula


def of_matrix(cell: Any, h: Tensor) -> Tensor:
    return cell.matrix.clone()


IN_PLACE: dict[str, Callable[[Tensor], object]] = {
    "fill_diagonal_": lambda w: w.fill_diagonal_(0),
    "index_put_": lambda w: w.index_put_((torch.tensor([0]),), torch.tensor(1.0)),
    "data": lambda w: w.data.clamp_(-1, 1),
    "data=": lambda w: setattr(w, "data", 2 * w.data),
    "out=": lambda w: torch.mul(w, 2, out=w),
    "foreach": lambda w: torch._foreach_mul_([w], 2),
}

UNSUPPORTED: dict[str, Callable[[Any, Tensor, Tensor], Any]] = {
    "chunk over the batch": lambda cell, x, h: torch.chunk(h, 2)[0][:1] * h,
    "product of states": lambda cell, x, h: torch.mm(h, torch.mm(h.T, h)),
    "sum over the batch": lambda cell, x, h: h - h.sum(0, keepdim=True),
    "cumsum": lambda cell, x, h: h.cumsum(1),
    "noise of no example": lambda cell, x, h: h + torch.randn(7),
    "computed probability": lambda cell, x, h: torch.bernoulli(torch.sigmoid(h)),
    "numpy": lambda cell, x, h: h * float(cell.matrix.detach().numpy()[0, 0]),
    "branch": lambda cell, x, h: h if (h > 0).all() else -h,
    "loop": lambda cell, x, h: h * torch.stack([row.sum() for row in h])[:, None],
    "number": lambda cell, x, h: h * float(h.sum()),
    "number of examples": lambda cell, x, h: h if x.shape[0] > 1 else -h,
    "in place": in_place,
    "rounding": lambda cell, x, h: torch.div(h, 2.0, rounding_mode="floor"),
    "cast": lambda cell, x, h: (h.to(torch.float64) * 0.1).to(h.dtype),
    "comparison as state": lambda cell, x, h: h > 0,
    "narrow state": lambda cell, x, h: cell.narrow(h),
    "wrong Linear": lambda cell, x, h: cell.narrow(x),
    "surrogate gradient": lambda cell, x, h: Spike.apply(h),
    "hook of a tensor": lambda cell, x, h: (g := 1 * h, g.register_hook(lambda v: 2 * v), g)[-1],
    "gradient asked for": lambda cell, x, h: h if h.requires_grad else -h,
    "inference mode": lambda cell, x, h: torch.inference_mode()(cell.W)(x) + h,
    "gradients left off": lambda cell, x, h: (torch.set_grad_enabled(False), 1 * h)[1],
    "hidden functions": lambda cell, x, h: without_the_record(h),
    **{f"{name} of a copy of a weight": unused(change, of_matrix) for name, change in IN_PLACE.items()},
    **{f"{name} of a value": unused(change, lambda cell, h: 1 * h) for name, change in IN_PLACE.items()
       if name != "fill_diagonal_"},
}  # fmt: skip


def without_the_record(h: Tensor) -> Tensor:
    with torch._C.DisableTorchFunction():
        return 2 * h


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_the_reason_names_the_operation_and_its_line(name: str) -> None:
    reason = Fused().unsupported_reason(Step(UNSUPPORTED[name]))
    assert reason is not None
    assert " on line " in reason or reason.startswith(("step ", "its step "))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (torch.zeros(2, 7, 7), r"the state tensor C is \(batch, 7, 7\), not \(batch, features\)"),
        (torch.zeros(2, 7, dtype=torch.complex64), "the state tensor C has dtype torch.complex64; write real tensors"),
    ],
)
def test_a_state_that_is_a_matrix_or_complex_runs_in_the_plain_loop(start: Tensor, reason: str) -> None:
    cell = Step(lambda cell, x, h, C: (torch.tanh(cell.W(x) + h), C))
    cell.state_names, cell.initial_state = ("h", "C"), lambda batch: (torch.zeros(batch, 7), start)  # type: ignore[method-assign]
    assert isinstance(choose_backend(cell), Eager)
    with pytest.raises(ValueError, match=reason):
        choose_backend(cell, "fused")


def test_the_error_of_a_named_backend_says_what_to_do() -> None:
    cell = Step(UNSUPPORTED["cumsum"])
    message = r"^backend=fused: cannot run Step \(cumsum\(\) on line \d+ of .*\); use eager or auto$"
    x, state = torch.zeros(2, 2, 3), cell.initial_state(2)
    for run in (lambda: choose_backend(cell, "fused"), lambda: explain(cell), lambda: Fused().run(cell, x, state)):
        with pytest.raises(ValueError, match=message):
            run()


def test_auto_takes_the_fastest_that_applies() -> None:
    assert isinstance(choose_backend(GruTorch(3, 7)), Fused)
    assert isinstance(choose_backend(Step(UNSUPPORTED["cumsum"])), Eager)
    assert isinstance(choose_backend(GruTorch(3, 7).bfloat16()), TorchNn)
    assert isinstance(choose_backend(Gru(3, 7).bfloat16()), Eager)
    assert choose_backend(Gru(3, 7), threads=3) == Fused(3)
    assert backend_named("torch", threads=2) == TorchNn(2)


def test_choosing_a_backend_leaves_the_threads_of_torch() -> None:
    before = torch.get_num_threads()
    backend = choose_backend(Gru(3, 7), threads=before + 1)
    assert torch.get_num_threads() == before
    assert (backend.threads, backend.torch_threads) == (before + 1, 1)
    assert (TorchNn(5).torch_threads, Eager().threads) == (5, before)


def test_other_types_and_devices_are_not_supported() -> None:
    assert "bfloat16" in str(Fused().unsupported_reason(Gru(3, 7).bfloat16()))
    assert "meta" in str(Fused().unsupported_reason(Gru(3, 7).to("meta")))
    mixed = Gru(3, 7)
    mixed.U_r.double()
    assert "U_r.weight has dtype torch.float64" in str(Fused().unsupported_reason(mixed))


def test_inputs_that_do_not_fit_raise() -> None:
    cell = Gru(3, 7)
    inputs, state = torch.zeros(4, 2, 3), cell.initial_state(2)
    with pytest.raises(ValueError, match="width 5"):
        Fused().run(cell, torch.zeros(4, 2, 5), state)
    with pytest.raises(ValueError, match="float64"):
        Fused().run(cell, inputs.double(), state)
    with pytest.raises(ValueError, match=r"state of shapes \(3, 7\)"):
        Fused().run(cell, inputs, cell.initial_state(3))
    with pytest.raises(ValueError, match="state of shapes"):
        Fused().run(cell, inputs, (*state, *state))
    with torch.autocast("cpu"), pytest.raises(ValueError, match="autocast"):
        Fused().run(cell, inputs, state)


HOOKS = ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"]


@pytest.mark.parametrize("kind", HOOKS)
def test_modules_with_hooks_are_not_supported(kind: str) -> None:
    hooked, fused = Gru(3, 7), Fused()
    hooked.act = nn.Sequential(nn.Tanh())
    for name, register in {
        "act has hooks": getattr(hooked.act, f"register_{kind}"),
        "U_r has hooks": getattr(hooked.U_r, f"register_{kind}"),
        "hooks of all modules": getattr(torch_module, f"register_module_{kind}"),
    }.items():
        assert fused.unsupported_reason(hooked) is None
        handle = register(lambda *arguments: None)
        reason = fused.unsupported_reason(hooked if "all" not in name else Gru(3, 7))
        handle.remove()
        assert name in str(reason)
    assert fused.unsupported_reason(hooked) is None


@pytest.mark.parametrize("other", ["c d", "", "1", "class", "h_now", "W", "é"])
def test_any_name_of_a_state_is_compiled(other: str) -> None:
    cell = Step(lambda cell, x, h, other: (torch.tanh(cell.W(x)) * h, other))
    cell.state_names = ("h", other)
    ast.parse(explain(cell))
