"""What the fused backend does not support, in errors that name it; what `auto` does then."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnbench.backends import Eager, Fused, TorchNn, backend_named, choose_backend, fallback_reason
from rnnbench.backends.fused import explain
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_torch import GruTorch


class Step(Cell):
    """A cell whose step is given."""

    def __init__(self, formula: Callable[[Any, Tensor, Tensor], Any]) -> None:
        super().__init__(3, 7)
        self.W, self.narrow = self.input_map(), nn.Linear(7, 2)
        self.matrix = nn.Parameter(torch.zeros(7, 7))
        self.norm = nn.LayerNorm(7)
        self.formula = formula

    def step(self, x: Tensor, state: State) -> State:
        result = self.formula(self, x, state[0])
        return result if isinstance(result, tuple) else (result,)


def in_place(cell: Any, x: Tensor, h: Tensor) -> Tensor:
    h += cell.W(x)
    return h


UNSUPPORTED: dict[str, tuple[Callable[[Any, Tensor, Tensor], Any], str]] = {
    "chunk over the batch": (lambda cell, x, h: torch.chunk(h, 2)[0], "write dim=1"),
    "split that does not fit": (lambda cell, x, h: h.split([3, 3], 1)[0], "split() of 7 features into [3, 3]"),
    "index": (lambda cell, x, h: h[:, 0] * h, "x[:, first:stop]"),
    "index of examples": (lambda cell, x, h: h[:1] * h, "x[:, first:stop]"),
    "product of states": (lambda cell, x, h: torch.mm(h, h), "as in h @ self.U"),
    "matrix on the left": (lambda cell, x, h: cell.matrix @ h, "as in h @ self.U"),
    "matrix as vector": (lambda cell, x, h: h * cell.matrix, "matrix has shape (7, 7)"),
    "matrix of another size": (lambda cell, x, h: x @ cell.matrix, "matrix takes 7 features, not 3"),
    "sum over the batch": (lambda cell, x, h: h - h.sum(0, keepdim=True), "write sum(-1, keepdim=True)"),
    "mean without keepdim": (lambda cell, x, h: h - h.mean(1), "write mean(-1, keepdim=True)"),
    "shape": (lambda cell, x, h: torch.zeros(h.shape[0], 7), "write x.new_zeros"),
    "dimension": (lambda cell, x, h: h.unsqueeze(1), "unsqueeze()"),
    "norm of another size": (lambda cell, x, h: cell.norm(x) + h, "layer_norm() over (7,) of 3 features"),
    "noise of no example": (lambda cell, x, h: h + torch.randn(7), "write torch.rand_like(h)"),
    "noise in place": (lambda cell, x, h: torch.empty_like(h).bernoulli_(0.5), "empty_like()"),
    "computed probability": (lambda cell, x, h: torch.bernoulli(torch.sigmoid(h)), "write torch.rand_like(p) < p"),
    "NumPy": (lambda cell, x, h: h * torch.from_numpy(np.ones(7)), "other than torch's functions"),
    "number of a parameter": (lambda cell, x, h: h * cell.matrix[0, 0].item(), "item() of a parameter"),
    "branch": (lambda cell, x, h: h if (h > 0).all() else -h, "write torch.where(condition, a, b)"),
    "truth": (lambda cell, x, h: h if h > 0 else -h, "write torch.where(condition, a, b)"),
    "loop": (lambda cell, x, h: sum(h), "a loop of Python over a tensor"),
    "number": (lambda cell, x, h: h * float(h), "a tensor used as a number of Python"),
    "in place": (in_place, "an operator in place"),
    "method in place": (lambda cell, x, h: h.mul_(2), "mul_()"),
    "unused method in place": (lambda cell, x, h: (h.add_(1), h)[1], "add_()"),
    "alpha": (lambda cell, x, h: torch.add(h, h, alpha=2), "add() with these arguments"),
    "rounding": (lambda cell, x, h: torch.div(h, 2.0, rounding_mode="floor"), "div() with these arguments"),
    "power": (lambda cell, x, h: 2**h, "pow()"),
    "cast": (lambda cell, x, h: h.to(torch.float64), "a change of type"),
    "comparison as number": (lambda cell, x, h: (h > 0) * 0.5, "mul() with gt()"),
    "comparison as state": (lambda cell, x, h: h > 0, "a state tensor that is gt()"),
    "concatenation as state": (lambda cell, x, h: torch.cat([x, x], 1), "a state tensor of width 6, not 7"),
    "widths": (lambda cell, x, h: cell.narrow(h) + h, "widths 2 and 7"),
    "width of the input": (lambda cell, x, h: x + h, "widths 3 and 7"),
    "narrow state": (lambda cell, x, h: cell.narrow(h), "a state tensor of width 2"),
    "wrong Linear": (lambda cell, x, h: cell.narrow(x), "narrow takes 7 features, not 3"),
    "concatenated batch": (lambda cell, x, h: torch.cat([h, h]), "cat() of other than features"),
    "constant state": (lambda cell, x, h: (1.0,), "1.0 as a state tensor"),
    "bound that is a tensor": (lambda cell, x, h: torch.clamp_min(h, 0 * h), "clamp_min() with a tensor as setting"),
    "numpy": (lambda cell, x, h: h.detach().numpy(), "numpy()"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_the_reason_names_the_operation_and_its_line(name: str) -> None:
    formula, words = UNSUPPORTED[name]
    reason = Fused().unsupported_reason(Step(formula))
    assert reason is not None
    assert words in reason
    assert "test_unsupported.py" in reason or words.endswith("state tensors")


def test_the_error_of_a_named_backend_says_what_to_do() -> None:
    cell = Step(UNSUPPORTED["dimension"][0])
    with pytest.raises(
        ValueError,
        match=r"backend=fused: cannot run Step \(unsqueeze\(\) on line \d+ of .*; keep .*; use eager or auto",
    ):
        choose_backend(cell, "fused")
    with pytest.raises(ValueError, match=r"cannot run Step \(unsqueeze\(\)"):
        Fused().run(cell, torch.zeros(2, 2, 3), cell.initial_state(2))
    with pytest.raises(ValueError, match=r"cannot run Step \(unsqueeze\(\)"):
        explain(cell)


def test_auto_takes_the_fastest_that_applies() -> None:
    assert isinstance(choose_backend(GruTorch(3, 7)), Fused)
    assert isinstance(choose_backend(Step(UNSUPPORTED["dimension"][0])), Eager)
    assert isinstance(choose_backend(GruTorch(3, 7).bfloat16()), TorchNn)
    assert isinstance(choose_backend(Gru(3, 7).bfloat16()), Eager)
    assert choose_backend(Gru(3, 7), threads=3) == Fused(3)
    assert backend_named("torch", threads=2) == TorchNn(2)


def test_auto_says_why_it_took_no_faster_backend() -> None:
    cell = Step(UNSUPPORTED["dimension"][0])
    assert fallback_reason(cell, choose_backend(cell)).startswith("unsqueeze() on line")
    assert fallback_reason(Gru(3, 7), choose_backend(Gru(3, 7))) == ""
    assert "bfloat16" in fallback_reason(GruTorch(3, 7).bfloat16(), TorchNn())


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


def test_linears_with_hooks_are_not_supported() -> None:
    hooked, fused = Gru(3, 7), Fused()
    assert fused.unsupported_reason(hooked) is None
    handle = hooked.U_r.register_forward_hook(lambda module, arguments, result: result * 2)
    assert "U_r has hooks" in str(fused.unsupported_reason(hooked))
    handle.remove()
    assert fused.unsupported_reason(hooked) is None


def test_a_step_that_changes_the_cell_is_not_supported_and_leaves_it_as_it_was() -> None:
    class Counting(Gru):
        calls = 0

        def step(self, x: Tensor, state: State) -> State:
            self.calls += 1
            return super().step(x, state)

    cell = Counting(3, 7)
    cell.calls = 5
    assert Fused().unsupported_reason(cell) == "step changes the cell's attributes"
    assert cell.calls == 5


def test_a_step_put_on_the_object_is_not_supported() -> None:
    cell = Gru(3, 7)
    cell.step = lambda x, state: state  # type: ignore[method-assign]
    assert "attribute of the object" in str(Fused().unsupported_reason(cell))


def test_choosing_a_backend_does_not_import_numba() -> None:
    program = (
        "import sys; from rnnbench.backends import choose_backend; from rnnbench.cells.gru import Gru;"
        "assert choose_backend(Gru(3, 7)).name == 'fused'; assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
