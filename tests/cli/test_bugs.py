"""A bug in a custom component is reported with its traceback, a wrong setting of it in one line."""

from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, Command

SHORT = (*SMALL, "task.length=6", "model.backend=eager")

CELL = """
import sys
from rnnbench.cells import Cell
from rnnbench.cells.rnn import Rnn

{at_import}

class Own(Rnn):
    def __init__(self, input_size, hidden_size, gain: float{default}):
        super().__init__(input_size, hidden_size)
        {at_construction}

    def step(self, x, state):
        {at_step}
        return super().step(x, state)
"""


def own_cell(folder: Path, arguments: str = "gain: 1.0", default: str = " = 1.0", **places: str) -> tuple[str, str]:
    """The options that choose a cell with these lines in it."""
    lines = {"at_import": "", "at_construction": "pass", "at_step": "pass", **places}
    return own_module(folder, CELL.format(default=default, **lines), f"\n{arguments}\n")


def own_module(folder: Path, source: str, arguments: str = "\n") -> tuple[str, str]:
    """The options that choose the cell Own in a module of this source."""
    own = folder / "own"
    (own / "cell").mkdir(parents=True, exist_ok=True)
    (own / f"{module(folder)}.py").write_text(source)
    (own / "cell" / "own.yaml").write_text(f"_target_: {module(folder)}.Own{arguments}")
    return ("--config-dir", str(own))


def module(folder: Path) -> str:
    """The module's name: one is imported once in this process."""
    return f"own_{folder.name}".replace("-", "_")


def test_a_setting_that_the_yaml_of_a_custom_cell_lacks(rnnbench: Command, tmp_path: Path) -> None:
    code, output, errors = rnnbench(*own_cell(tmp_path, "", default=""), *SHORT, "cell=own")
    answer = "cell: missing a required argument: 'gain'; its YAML lists its settings"
    assert (code, output, errors) == (2, "", f"rnnbench: {answer}\n")
    assert not list(tmp_path.glob("results/*/runs"))


@pytest.mark.parametrize(
    ("place", "line", "named"),
    [
        ("at_import", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("at_construction", "int('three')", "ValueError: invalid literal for int() with base 10: 'three'"),
        ("at_step", "raise ValueError('gain=1: is wrong now')", "ValueError: gain=1: is wrong now"),
        ("at_step", "sys.exit(3)", "SystemExit: 3"),
        ("at_step", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_bug_fails_with_the_last_calls_of_its_traceback(
    rnnbench: Command, tmp_path: Path, place: str, line: str, named: str
) -> None:
    code, output, errors = rnnbench("-m", *own_cell(tmp_path, **{place: line}), *SHORT, "cell=own,rnn")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n")
    told, _, rest = errors.partition("[1/2] ")
    first, *frames, last = told.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", named)
    assert line in map(str.strip, frames[-4:])
    assert f"failed ({named}; see " in rest
    assert "/rnnbench/cli/" not in told
    (kept,) = [*tmp_path.glob("results/default/runs/own-*/traceback.txt"), *tmp_path.glob("results/*/launches/*/*.txt")]
    assert "/rnnbench/runs/" in kept.read_text()
    assert kept.read_text().endswith(f"{named}\n")


@pytest.mark.parametrize("backend", ["auto", "eager"])
def test_a_step_that_returns_no_tuple_is_reported_in_one_line(rnnbench: Command, tmp_path: Path, backend: str) -> None:
    options = own_cell(tmp_path, at_step="return torch.tanh(self.W(x) + self.U(state[0]))", at_import="import torch")
    code, output, errors = rnnbench("-m", *options, *SHORT, f"model.backend={backend}", "cell=own,rnn")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n"), errors
    told = f"{tmp_path}/own/{module(tmp_path)}.py, line 13: Own.step returns a Tensor; `return (h,)`"
    first, second, *_ = errors.splitlines()
    assert first == f"rnnbench: {told}"
    assert f"failed (ComponentError: {told}; see " in second
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("line", "code", "answer"),
    [
        ("int('three')", 1, "ValueError: invalid literal for int() with base 10: 'three'\n"),
        ("raise SettingError('needs two cells; run another')", 2, "rnnbench: Own: needs two cells; run another\n"),
    ],
)
def test_bugs_and_wrong_settings_of_a_custom_table(
    rnnbench: Command, rnnbench_report: Command, tmp_path: Path, line: str, code: int, answer: str
) -> None:
    assert rnnbench(*SHORT)[0] == 0
    (tmp_path / "own" / "table").mkdir(parents=True)
    (tmp_path / "own" / f"{module(tmp_path)}.py").write_text(
        "from rnnbench.errors import SettingError\nfrom rnnbench.report import Table\n\n\n"
        "class Own(Table):\n    title, columns = 'Own', {}\n\n"
        f"    def compute_rows(self, results):\n        {line}\n\n"
        "    def formatted(self, rows):\n        return rows\n"
    )
    options = ("--config-dir", str(tmp_path / "own"), "table=[own]", "figure=[]")
    table = tmp_path / "own" / "table" / "own.yaml"
    table.write_text(f"_target_: {module(tmp_path)}.Own\n")
    assert "own.yaml: its first line must be `# @package tables.own`" in rnnbench_report("name=default", *options)[2]
    table.write_text(f"# @package tables.own\n{table.read_text()}")
    ended, output, errors = rnnbench_report("name=default", *options)
    assert ended == code
    assert output.startswith("Not made:\nown: ")
    assert errors.endswith(answer)
    assert errors.startswith("Traceback" if code == 1 else "rnnbench: ")
    assert "/rnnbench/cli/" not in errors


def test_a_cell_that_is_none(rnnbench: Command, tmp_path: Path) -> None:
    """Without a step, with a constructor that forgets its base, and with an error of syntax."""
    base = "from rnnbench.cells import Cell\n"
    for part, source, code, answer in (
        ("a", f"{base}class Own(Cell): pass\n", 1, "a.py: Own does not define step"),
        ("b", f"{base}class Own(Cell):\n def __init__(self, i, h): self.a = 1\n", 1, "Own"),
        ("c", "def broken(:\n", 1, "SyntaxError"),
    ):
        options = own_module(tmp_path / part, source)
        ended, _, errors = rnnbench(*options, *SHORT, "cell=own")
        assert (ended, answer in errors, "importlib" in errors) == (code, True, False), errors
