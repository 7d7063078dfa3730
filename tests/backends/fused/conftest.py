"""Denormals are flushed nowhere here, and one thread is used unless a test says otherwise."""

from collections.abc import Iterator

import pytest
import torch
from interpreted import interpret as interpret


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
