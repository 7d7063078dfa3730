"""Two undisturbed sweeps, which everything that is disturbed is compared with."""

from pathlib import Path

import pytest

from tests.faults.sweeps import LONG, Sweep


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """A sweep of four runs from start to end."""
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed"))
    assert sweep.run().exit_code == 0
    return sweep


@pytest.fixture(scope="session")
def undisturbed_long(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """The same of four runs of several seconds each."""
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed_long"), LONG)
    assert sweep.run().exit_code == 0
    return sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """The first one, not yet launched, in an empty folder."""
    return Sweep(tmp_path / "sweep")


@pytest.fixture
def long_sweep(tmp_path: Path) -> Sweep:
    """The second one, not yet launched, in an empty folder."""
    return Sweep(tmp_path / "sweep", LONG)
