"""The five forms of the GRU in the notes: which are the same function, and which are not."""

import pytest
import torch
from torch import Tensor, nn

from rnnbench.backends import Eager
from rnnbench.cells import Cell, State
from rnnbench.cells.gru import Gru
from rnnbench.cells.gru_concat import GruConcat
from rnnbench.cells.gru_goodfellow import GruGoodfellow
from rnnbench.cells.gru_torch import GruTorch
from tests.drawn import drawn, normal

INPUT, HIDDEN, STEPS, BATCH = 3, 5, 8, 4
BIG = 60.0


class OldWeightedGru(Gru):
    """The equations of Gru with z and 1 - z exchanged, as torch.nn and Goodfellow et al. have them."""

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(self.W_r(x) + self.U_r(h))
        z = torch.sigmoid(self.W_z(x) + self.U_z(h))
        n = torch.tanh(self.W_n(x) + self.U_n(r * h))
        return (z * h + (1 - z) * n,)


def outputs(cell: Cell) -> Tensor:
    return Eager().run(cell, normal(STEPS, BATCH, INPUT), (normal(BATCH, HIDDEN, seed=2),))[0]


def load_split_into_concat(split: Gru, concat: GruConcat) -> None:
    with torch.no_grad():
        for gate in "rzn":
            to, from_x = getattr(concat, f"W_{gate}"), getattr(split, f"W_{gate}")
            from_h = getattr(split, f"U_{gate}")
            to.weight.copy_(torch.cat([from_h.weight, from_x.weight], dim=1))
            if to.bias is not None:
                to.bias.copy_(from_x.bias)


def load(target: Cell, source: Cell) -> None:
    """Copy every parameter that both have; biases that only the target has become zero."""
    given = dict(source.named_parameters())
    with torch.no_grad():
        for name, parameter in target.named_parameters():
            parameter.copy_(given[name]) if name in given else parameter.zero_()


@pytest.mark.parametrize("bias", [True, False], ids=["000 = 001", "003 = 002"])
def test_split_and_concatenated_storage_are_one_function(bias: bool) -> None:
    split, concat = drawn(Gru(INPUT, HIDDEN, bias=bias)), drawn(GruConcat(INPUT, HIDDEN, bias=bias), seed=1)
    assert not torch.allclose(outputs(concat), outputs(split))
    load_split_into_concat(split, concat)
    torch.testing.assert_close(outputs(concat), outputs(split), rtol=1e-12, atol=1e-14)
    assert sum(p.numel() for p in split.parameters()) == sum(p.numel() for p in concat.parameters())


def test_no_bias_is_bias_zero() -> None:
    without, with_zero = drawn(Gru(INPUT, HIDDEN, bias=False)), drawn(Gru(INPUT, HIDDEN), seed=1)
    load(with_zero, without)
    torch.testing.assert_close(outputs(with_zero), outputs(without), rtol=0, atol=0)


def test_z_against_one_minus_z_is_a_change_of_sign() -> None:
    new, old = drawn(Gru(INPUT, HIDDEN)), drawn(OldWeightedGru(INPUT, HIDDEN), seed=1)
    load(old, new)
    assert not torch.allclose(outputs(old), outputs(new))
    with torch.no_grad():
        for parameter in (*old.W_z.parameters(), *old.U_z.parameters()):
            parameter.neg_()
    torch.testing.assert_close(outputs(old), outputs(new), rtol=1e-12, atol=1e-14)


def test_reset_before_and_after_the_product_differ() -> None:
    before, after = drawn(OldWeightedGru(INPUT, HIDDEN)), drawn(GruTorch(INPUT, HIDDEN), seed=1)
    load(after, before)
    assert not torch.allclose(outputs(after), outputs(before), atol=1e-3)
    for cell in (before, after):
        nn.init.constant_(cell.W_r.bias, BIG)
    torch.testing.assert_close(outputs(after), outputs(before), rtol=1e-12, atol=1e-14)


def test_goodfellow_form_differs_by_its_candidate_alone() -> None:
    goodfellow = drawn(GruGoodfellow(INPUT, HIDDEN))
    tanh = drawn(OldWeightedGru(INPUT, HIDDEN), seed=1)
    load(tanh, goodfellow)
    assert not torch.allclose(outputs(tanh), outputs(goodfellow), atol=1e-2)
    nn.init.constant_(goodfellow.W_z.bias, -BIG)
    assert outputs(goodfellow).min() > 0
    assert outputs(goodfellow).max() < 1
