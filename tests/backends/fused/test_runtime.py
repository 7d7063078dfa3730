"""Threads and memory of a run."""

import gc

import numpy as np
import torch

from rnnbench.backends.fused.runtime import memory
from rnnbench.backends.fused.runtime.batch_threads import WORK_PER_THREAD, batch_ranges


def test_ranges_cover_the_batch_once() -> None:
    for batch in (1, 20, 50, 64, 97, 1000):
        parts = batch_ranges(batch, work=1e9, threads=4)
        assert [row for start, stop in parts for row in range(start, stop)] == list(range(batch))
        assert len(parts) <= 4
    assert len(batch_ranges(19, work=1e9, threads=4)) == 1
    assert len(batch_ranges(20, work=1e9, threads=4)) == 2
    assert len(batch_ranges(1000, work=1e9, threads=4)) == 4
    assert len(batch_ranges(1000, work=WORK_PER_THREAD, threads=4)) == 1


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


def test_arrays_in_a_block_do_not_overlap() -> None:
    sizes = [1, 16, 17, 40]
    layout = memory.BlockLayout(sizes)
    block = np.zeros(layout.total)
    for piece, size in zip(layout.arrays(block), sizes, strict=True):
        assert piece.size == size
        piece += 1
    assert block.max() == 1
    assert block.sum() == sum(sizes)
