"""Threads and memory of a run."""

import gc

import torch

from rnnbench.backends.fused.runtime import memory


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
