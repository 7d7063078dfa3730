"""Where a fast path is most easily wrong: empty and foreign inputs, infinities, graphs used twice, widths, threads."""

import gc
import weakref
from collections.abc import Callable
from functools import partial

import pytest
import torch
from side_by_side import assert_same_as_eager, assert_same_numbers, drawn, numbers, prepared, scalar
from torch import Tensor

from rnnbench.backends import Eager, Fused
from rnnbench.backends.fused.runtime import batch_threads, memory
from rnnbench.cells import Cell
from rnnbench.cells.gru import Gru
from rnnbench.cells.lstm import Lstm
from rnnbench.cells.lstm_peephole import LstmPeephole
from rnnbench.cells.rnn import Rnn
from tests.long import long_but


@pytest.fixture
def gru() -> Cell:
    return prepared(Gru(3, 7))


def test_no_examples_and_no_steps(gru: Cell) -> None:
    assert Fused().run(gru, *drawn(gru, 5, 0))[0].shape == (5, 0, 7)
    assert_same_as_eager(gru, 0, 4)


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_loss_of_the_final_state_alone(gru: Cell, steps: int, hooked: bool) -> None:
    inputs, state = drawn(gru, steps, 4)
    (1e6 * scalar(*Fused().run(gru, inputs, state))).backward()  # leaves numbers in memory that is used again
    found = []
    for backend in (Fused(), Eager()):
        inputs.grad = state[0].grad = None
        (h,) = backend.run(gru, inputs, state, (lambda *_: None) if hooked else None)[1]
        h.square().sum().backward()
        found.append({"inputs": inputs.grad, "initial": state[0].grad})
    assert_same_numbers(*found, 1e-10)  # type: ignore[arg-type]


@pytest.mark.parametrize("make_cell", long_but((Gru,), (Gru, Lstm, partial(Rnn, activation="relu"))))
def test_nan_and_infinity_pass_through_as_in_eager(make_cell: Callable[[int, int], Cell]) -> None:
    """In one example at one step: what it reaches is not finite, and the other examples are unaffected."""
    cell = prepared(make_cell(3, 7))
    for value in (float("nan"), float("inf"), -float("inf")):
        inputs, state = drawn(cell, 6, 3)
        with torch.no_grad():
            inputs[2, 1, 0] = value
        found, truth = numbers(Fused(), cell, inputs, state), numbers(Eager(), cell, inputs, state)
        for name, expected in truth.items():
            torch.testing.assert_close(found[name], expected, rtol=1e-10, atol=1e-12, equal_nan=True)
        assert not all(tensor.isfinite().all() for tensor in found.values())
        assert found["outputs"][:, [0, 2]].isfinite().all()


def test_second_backward_through_a_kept_graph_gives_the_same(gru: Cell) -> None:
    loss = scalar(*Fused().run(gru, *drawn(gru, 5, 4)))
    first = torch.autograd.grad(loss, list(gru.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(gru.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_double_backward_raises(gru: Cell) -> None:
    inputs, state = drawn(gru, 5, 4)
    with pytest.raises(RuntimeError, match="create_graph=True"):
        torch.autograd.grad(scalar(*Fused().run(gru, inputs, state)), inputs, create_graph=True)


@pytest.mark.parametrize("name", ["U_n.weight", "W_z.weight", "outputs"])
def test_what_is_changed_between_forward_and_backward_raises(gru: Cell, name: str) -> None:
    outputs, final = Fused().run(gru, *drawn(gru, 5, 4))
    loss = scalar(outputs, final)
    with torch.no_grad():
        (outputs if name == "outputs" else gru.get_parameter(name)).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_final_state_changed_in_place_gives_right_gradients(gru: Cell) -> None:
    inputs, state = drawn(gru, 5, 4)
    gradients = []
    for backend in (Fused(), Eager()):
        outputs, final = backend.run(gru, inputs, state)
        doubled = final[0].clone() if isinstance(backend, Eager) else final[0]
        doubled.mul_(2)
        gradients.append(torch.autograd.grad(scalar(outputs, (doubled,)), inputs)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("which", ["outputs", "final_h", "final_c"])
def test_gradients_of_one_result_alone_equal_eager(which: str) -> None:
    cell = prepared(Lstm(3, 7))
    inputs, state = drawn(cell, 5, 4)
    found = []
    for backend in (Fused(), Eager()):
        outputs, final = backend.run(cell, inputs, state)
        result = {"outputs": outputs, "final_h": final[0], "final_c": final[1]}[which]
        leaves = [inputs, *state, *cell.parameters()]
        gradients = torch.autograd.grad(result.square().sum(), leaves, allow_unused=True)
        found.append({str(index): each for index, each in enumerate(gradients) if each is not None})
    assert_same_numbers(*found, 1e-12)


def test_inputs_of_any_layout_give_the_same(gru: Cell) -> None:
    inputs, state = drawn(gru, 5, 4)
    scattered = inputs.detach().transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    one, other = (numbers(Fused(), gru, tensor, state) for tensor in (inputs, scattered))
    assert not scattered.is_contiguous()
    assert_same_numbers(one, other, 0.0)


def test_frozen_weights_get_no_gradient_and_the_others_the_right_one(gru: Cell) -> None:
    inputs, state = drawn(gru, 5, 4)
    truth = numbers(Eager(), gru, inputs, state)
    gru.U_r.weight.requires_grad_(False)
    scalar(*Fused().run(gru, inputs, state)).backward()
    assert gru.U_r.weight.grad is None
    torch.testing.assert_close(gru.U_n.weight.grad, truth["gradient_U_n.weight"], rtol=1e-11, atol=1e-12)


def test_a_hook_receives_the_gradients_of_a_cell_of_which_nothing_is_trained(gru: Cell) -> None:
    inputs, state = drawn(gru, 5, 4)
    gru.requires_grad_(False)
    received = []
    for backend in (Fused(), Eager()):
        profile = torch.zeros(5, 4, 7, dtype=torch.float64)
        outputs, _ = backend.run(
            gru,
            inputs.detach(),
            (state[0].detach(),),
            lambda _, first, g, p=profile: p[first : first + len(g)].copy_(g),
        )
        outputs.square().sum().backward()
        received.append(profile)
    assert received[1].abs().min() > 0
    torch.testing.assert_close(received[0], received[1], rtol=1e-11, atol=1e-12)


def test_the_graph_is_freed_with_its_last_tensor(gru: Cell) -> None:
    outputs, _ = Fused().run(gru, *drawn(gru, 5, 4))
    node = weakref.ref(outputs.grad_fn)
    gc.collect()
    assert node() is not None
    del outputs, _
    gc.collect()
    assert node() is None


def test_gradients_below_the_threshold_are_zero_and_the_others_right() -> None:
    """A gradient that shrinks by 2**-3 a step: nothing is denormal, and what is above 2**-106 is eager's."""
    cell = prepared(Rnn(1, 1), torch.float32)
    with torch.no_grad():
        cell.U.weight.fill_(2.0**-3)
        cell.W.weight.zero_()
        cell.W.bias.zero_()
    inputs, state = torch.zeros(60, 1, 1), (torch.zeros(1, 1),)
    received: list[Tensor] = []
    outputs, _ = Fused().run(cell, inputs, state, lambda index, first, gradients: received.append(gradients.clone()))
    outputs[-1].sum().backward()
    profile = received[0].flatten().flip(0)
    expected = torch.tensor([2.0 ** (-3 * lag) for lag in range(60)])
    assert torch.equal(profile[:36], expected[:36])
    assert torch.equal(profile[37:], torch.zeros(23))


@pytest.mark.parametrize("hidden", [1, 8, 16, 17, 40])
def test_widths_around_the_vectors_equal_eager(hidden: int) -> None:
    assert_same_as_eager(prepared(Gru(1, hidden)), steps=4, batch=14)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_threads, "WORK_PER_THREAD", 1)
    torch.set_num_threads(threads)
    assert_same_as_eager(prepared(LstmPeephole(3, 7)), steps=9, batch=77)


def test_sizes_of_a_user_beyond_one_chunk_equal_eager() -> None:
    assert_same_as_eager(prepared(Gru(3, 7)), steps=250, batch=2)


def test_memory_is_used_again_only_when_nothing_lies_in_it() -> None:
    tensor = memory.borrowed(3 * 1237, torch.float32)
    place, view = tensor.data_ptr(), tensor[1237:].view(2, 1237)[:, :5]
    del tensor
    gc.collect()
    assert memory.borrowed(3 * 1237, torch.float32).data_ptr() != place
    del view
    gc.collect()
    places = {tensor.data_ptr() for tensor in [memory.borrowed(3 * 1237, torch.float32) for _ in range(2)]}
    assert place in places
