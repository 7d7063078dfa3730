"""Denormals are flushed nowhere here, and one thread is used unless a test says otherwise."""

import pytest
from interpreted import interpret as interpret


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """For all of them."""
