"""The names of files stand in rnnbench/schema/files.py and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "rnnbench"
FOLDERS = {"runs", "launches", "data", "figures"}
NAMES = (
    "config.json", "summary.json", "history.csv", "checkpoint.pt", "traceback.txt", "plan.json", "job-", "runs.csv",
    "schema.json", "histories.csv", "missing.json", "report.html", ".npz",
)  # fmt: skip


def literals(tree: ast.AST) -> Iterator[str]:
    """Names of files, which text with spaces in it is not, and of folders where a path is made of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            first, slash, _ = node.value.partition("/")
            is_file = any(name in node.value for name in NAMES) and not node.value.endswith(".jinja")
            if is_file or (slash and first in FOLDERS):
                yield node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield from {node.right.value} & FOLDERS


@pytest.mark.parametrize(
    "source", ['root / "runs"', 'root.glob("runs/*")', 'f"{probe}.npz"', 'RUNS = "runs.csv"', 'root / f"job-{n}.json"']
)
def test_a_name_is_found(source: str) -> None:
    assert list(literals(ast.parse(source)))


def test_no_other_module_names_a_file() -> None:
    found = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if (names := list(literals(ast.parse(path.read_text())))) and path != PACKAGE / "schema" / "files.py"
    }
    assert found == {}
