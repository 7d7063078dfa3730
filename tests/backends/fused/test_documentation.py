"""docs/fused.md and the packages' docstrings: what they show is what the code makes, and no module is left out."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from walkthrough import PAGE, blocks, displayed, rewritten

import rnnbench.backends.fused
from rnnbench.backends.fused import explain
from rnnbench.cells.gru import Gru

FOLDER = Path(rnnbench.backends.fused.__file__).parent
PACKAGES = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))


def modules_of(package: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / package).glob("*.py") if path.stem != "__init__")


@pytest.mark.long
def test_the_page_shows_every_stage_as_it_is() -> None:
    page = PAGE.read_text()
    assert displayed(page) == blocks()
    assert rewritten(page) == page


@pytest.mark.parametrize("package", PACKAGES)
def test_the_docstring_of_a_package_names_its_modules(package: str) -> None:
    described = importlib.import_module(f"rnnbench.backends.fused.{package}").__doc__ or ""
    assert set(modules_of(package)) <= set(re.findall(r"`(\w+)`", described))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_and_the_front_page_name_every_module(package: str) -> None:
    modules = {*modules_of(package), package}
    assert modules <= set(re.findall(r"`(\w+)`", PAGE.read_text()))
    assert modules <= set(re.findall(r"`(\w+)`", rnnbench.backends.fused.__doc__ or ""))


def test_explained_source_is_a_module_of_the_two_loops() -> None:
    tree = ast.parse(explain(Gru(3, 7)))
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == ["forward", "backward"]
