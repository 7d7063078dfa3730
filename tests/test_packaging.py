"""A built wheel works away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_packages_configuration_and_type_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    configuration = {f"rnnbench/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert configuration <= names
    assert {"rnnbench/py.typed", "rnnbench/tasks/adding.py", "rnnbench/cells/gru.py"} <= names
    assert "hydra_plugins/rnnbench_plugins.py" in names
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"rnnbench", "hydra_plugins"}


def test_installed_wheel_trains_two_steps_beside_a_module_named_tasks(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    (work / "tasks.py").write_text("raise RuntimeError('of the user')")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(pip, check=True)
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}."}
    where = subprocess.run(
        [sys.executable, "-c", "import rnnbench.tasks; print(rnnbench.__file__, rnnbench.tasks.__file__)"],
        check=True, capture_output=True, text=True, cwd=work, env=environment,
    )  # fmt: skip
    assert all(Path(path).is_relative_to(site) for path in where.stdout.split())
    settings = ["cell=lstm", "task.length=10", "train.steps=2", "train.eval_examples=10", "wandb=disabled"]
    subprocess.run([sys.executable, str(site / "bin" / "rnnbench"), *settings], check=True, cwd=work, env=environment)
    (summary,) = work.glob("results/default/runs/*/summary.json")
    assert '"steps_trained": 2' in summary.read_text()
