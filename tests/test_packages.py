"""The docstring of every package names its modules, but for components, which their YAML describes."""

import ast
import re
from pathlib import Path

import pytest

import rnnbench

ROOT = Path(rnnbench.__file__).parent
CONF = Path(__file__).parent.parent / "conf"
COMPONENTS = {
    target for file in CONF.rglob("*.yaml") for target in re.findall(r"_target_: (\S+)\.\w+$", file.read_text(), re.M)
}
"""Modules named by a YAML, whose first comment is their line in `rnnbench --help`."""
PACKAGES = sorted(init.parent for init in (*ROOT.rglob("__init__.py"), ROOT / "tasks" / "__init__.py"))


def title(package: Path) -> str:
    """The package's dotted name."""
    return ".".join(package.relative_to(ROOT.parent).parts)


def members(package: Path) -> set[str]:
    """The modules and packages directly in a package, but for components and names such as __main__."""
    modules = {file.stem for file in package.glob("*.py") if not file.stem.startswith("_")}
    modules = {name for name in modules if f"{title(package)}.{name}" not in COMPONENTS}
    return modules | {init.parent.name for init in package.glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES, ids=title)
def test_the_docstring_of_a_package_names_its_modules(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    missing = {name for name in members(package) if f"`{name}`" not in docstring}
    assert not missing, f"{title(package)}: name {', '.join(sorted(missing))} in backticks, each with a sentence"
