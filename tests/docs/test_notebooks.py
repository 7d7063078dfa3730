"""The notebooks run, and print what they show."""

import contextlib
import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import nbformat
import pytest

from tests.docs.markdown import ROOT

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_its_cells_run_and_print_what_is_shown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, as a kernel would, but for the value of a cell's last line."""
    monkeypatch.chdir(ROOT)
    mpl.use("agg")
    names: dict[str, Any] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(cell.source, f"{path.name}: {cell.id}", "exec"), names)
            shown = "".join(output.text for output in cell.outputs if output.output_type == "stream")
            assert printed.getvalue() == shown
            assert not [output for output in cell.outputs if output.output_type == "error"]
