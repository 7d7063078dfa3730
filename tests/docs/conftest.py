"""The console commands, and the folder of components that the pages show."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import rnnbench, rnnbench_report  # noqa: F401
from tests.docs.markdown import OWN, named_files


@pytest.fixture
def own_components(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that holds every component that the pages show, as the working directory."""
    components = [file for page in OWN for file in named_files(page) if file[0].startswith("my/")]
    for path, content in components:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "my")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]
