"""A bug in a component of the user's own is told with its traceback, a wrong setting of it in one line."""

import json
import os
from pathlib import Path

import pytest

from rnnbench.errors import SettingError, component_traceback, names_a_setting
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
    own = folder / "own"
    (own / "cell").mkdir(parents=True, exist_ok=True)
    name = f"own_{folder.name}".replace("-", "_")  # a module is imported once in this process
    lines = {"at_import": "", "at_construction": "pass", "at_step": "pass", **places}
    (own / f"{name}.py").write_text(CELL.format(default=default, **lines))
    (own / "cell" / "own.yaml").write_text(f"_target_: {name}.Own\n{arguments}\n")
    return ("--config-dir", str(own))


@pytest.mark.parametrize(
    ("arguments", "places", "answer"),
    {
        "unknown": ("gian: 2.0", {}, "cell.gian=2.0: unknown; Own takes input_size, hidden_size, gain"),
        "type": ("gain: wide", {}, "cell.gain=wide: must be a valid number, unable to parse string as a number"),
        "missing": ("", {"default": ""}, "cell: missing a required argument: 'gain'; its YAML lists its settings"),
        "named": (
            "gain: -1",
            {"at_construction": "raise ValueError(f'gain={gain:g}: must be above 0')"},
            "cell.gain=-1: must be above 0",
        ),
    }.values(),
    ids=["unknown", "type", "missing", "named"],
)
def test_wrong_settings_of_an_own_cell(
    rnnbench: Command, tmp_path: Path, arguments: str, places: dict[str, str], answer: str
) -> None:
    code, output, errors = rnnbench(*own_cell(tmp_path, arguments, **places), *SHORT, "cell=own")
    assert (code, output, errors) == (2, "", f"rnnbench: {answer}\n")
    assert not list(tmp_path.glob("results/*/runs"))


@pytest.mark.parametrize(
    ("place", "line", "named"),
    [
        ("at_import", "undefined_name", "NameError: name 'undefined_name' is not defined"),
        ("at_import", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("at_construction", "len(3)", "TypeError: object of type 'int' has no len()"),
        ("at_construction", "int('three')", "ValueError: invalid literal for int() with base 10: 'three'"),
        ("at_construction", "sys.exit(3)", "SystemExit: 3"),
        ("at_construction", "{}['gain']", "KeyError: 'gain'"),
        ("at_step", "len(3)", "TypeError: object of type 'int' has no len()"),
        ("at_step", "raise ValueError('gain=1: is wrong now')", "ValueError: gain=1: is wrong now"),
        ("at_construction", "raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("at_step", "sys.exit(3)", "SystemExit: 3"),
        ("at_step", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_bug_fails_with_the_traceback_from_the_own_file_on(
    rnnbench: Command, tmp_path: Path, place: str, line: str, named: str
) -> None:
    options = own_cell(tmp_path, **{place: line})
    code, output, errors = rnnbench("-m", *options, *SHORT, "cell=own,rnn")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n")
    told, _, rest = errors.partition("[1/2] ")
    first, *frames, last = told.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", named)
    assert f"own_{tmp_path.name}".replace("-", "_") in frames[0]
    assert frames[1].strip() == line
    assert f"failed ({named}; see " in rest
    assert "/rnnbench/cli/" not in told
    kept = [*tmp_path.glob("results/default/runs/own-*/traceback.txt"), *tmp_path.glob("results/*/launches/*/*.txt")]
    assert len(kept) == 1
    assert "/rnnbench/runs/" in kept[0].read_text()
    assert kept[0].read_text().endswith(f"{named}\n")


@pytest.mark.parametrize("backend", ["auto", "eager", "fused"])
def test_a_step_that_returns_no_tuple_is_told_in_one_line(rnnbench: Command, tmp_path: Path, backend: str) -> None:
    options = own_cell(tmp_path, at_step="return torch.tanh(self.W(x) + self.U(state[0]))", at_import="import torch")
    code, output, errors = rnnbench("-m", *options, *SHORT, f"model.backend={backend}", "cell=own,rnn")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n"), errors
    first, second, *_ = errors.splitlines()
    name = f"own_{tmp_path.name}".replace("-", "_")
    told = f"{tmp_path}/own/{name}.py, line 13: Own.step returns a Tensor; `return (h,)`"
    assert first == f"rnnbench: {told}"
    assert f"failed (ComponentError: {told}; see " in second
    assert "Traceback" not in errors
    kept = [*tmp_path.glob("results/default/runs/own-*/traceback.txt"), *tmp_path.glob("results/*/launches/*/*.txt")]
    assert len(kept) == 1
    assert kept[0].read_text().endswith(f"ComponentError: {told}\n")


def test_a_constructor_that_forgets_its_base(rnnbench: Command, tmp_path: Path) -> None:
    options = own_cell(tmp_path)
    (source,) = (tmp_path / "own").glob("*.py")
    source.write_text(source.read_text().replace("super().__init__(input_size, hidden_size)", "self.gain = len"))
    code, output, errors = rnnbench("-m", *options, *SHORT, "cell=own,rnn")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n"), errors
    assert "AttributeError: 'Own' object has no attribute" in errors


def test_full_error_shows_the_harness_too(rnnbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    code, _, errors = rnnbench(*own_cell(tmp_path, at_step="len(3)"), *SHORT, "cell=own")
    assert code == 1
    assert "/rnnbench/runs/execute.py" in errors
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def test_a_failed_job_does_not_stop_a_parallel_sweep(rnnbench: Command, tmp_path: Path) -> None:
    options = own_cell(tmp_path, at_construction="len(3)")
    # The workers may be an earlier test's, which have its folder as theirs.
    parallel = ("hydra/launcher=parallel", "hydra.launcher.n_jobs=2", f"results_dir={tmp_path}/results")
    code, output, errors = rnnbench("-m", *options, *SHORT, *parallel, "cell=own,rnn")
    assert (code, output) == (1, "2 runs: 1 failed, 1 done\n"), errors
    assert "failed (TypeError: object of type 'int' has no len(); see " in errors
    (outcome,) = tmp_path.glob("results/default/launches/*/job-0.json")
    assert json.loads(outcome.read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("line", "code", "answer"),
    [
        ("len(3)", 1, "TypeError: object of type 'int' has no len()\n"),
        ("int('three')", 1, "ValueError: invalid literal for int() with base 10: 'three'\n"),
        ("raise SettingError('needs two cells; run another')", 2, "rnnbench: Own: needs two cells; run another\n"),
    ],
)
def test_bugs_and_wrong_settings_of_an_own_table(
    rnnbench: Command, rnnbench_report: Command, tmp_path: Path, line: str, code: int, answer: str
) -> None:
    assert rnnbench(*SHORT)[0] == 0
    name = f"own_{tmp_path.name}".replace("-", "_")
    (tmp_path / "own" / "table").mkdir(parents=True)
    (tmp_path / "own" / f"{name}.py").write_text(
        "from rnnbench.errors import SettingError\nfrom rnnbench.report import Table\n\n\n"
        "class Own(Table):\n    title, columns = 'Own', {}\n\n"
        f"    def compute_rows(self, results):\n        {line}\n\n"
        "    def formatted(self, rows):\n        return rows\n"
    )
    (tmp_path / "own" / "table" / "own.yaml").write_text(f"# @package tables.own\n_target_: {name}.Own\n")
    options = ("--config-dir", str(tmp_path / "own"), "table=[own]", "figure=[]")
    ended, output, errors = rnnbench_report("name=default", *options)
    assert ended == code
    assert output.startswith("Not made:\nown: ")
    assert errors.endswith(answer)
    assert errors.startswith("Traceback" if code == 1 else "rnnbench: ")
    assert "/rnnbench/cli/" not in errors


def test_what_names_a_setting() -> None:
    assert names_a_setting(ValueError("length=1: must be at least 2"))
    assert names_a_setting(ValueError("probes.speed.repetitions=a:b: no"))
    assert names_a_setting(SettingError("name=x: no runs"))
    for message in ("Invalid learning rate: -1", "x = 1: no", "expected 3: got a=2", "=1: no", "length=1", ""):
        assert not names_a_setting(ValueError(message))


def test_a_traceback_without_a_component_is_whole() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        told = component_traceback(error)
    assert "test_a_traceback_without_a_component_is_whole" in told  # this file is no harness's
    assert "json/decoder.py" in told


def test_what_a_cell_lacks_is_told_in_one_line(rnnbench: Command, tmp_path: Path) -> None:
    (tmp_path / "own/cell").mkdir(parents=True)
    (tmp_path / "own/cell/own.yaml").write_text("_target_: own_without_step.Own\n")
    (tmp_path / "own/own_without_step.py").write_text("from rnnbench.cells import Cell\n\nclass Own(Cell): pass\n")
    code, _, errors = rnnbench("--config-dir", str(tmp_path / "own"), *SHORT, "cell=own")
    assert code == 1
    told, outcome, *_ = errors.splitlines()
    assert told == f"rnnbench: {tmp_path / 'own/own_without_step.py'}: Own does not define step"
    assert "failed" in outcome


def test_a_syntax_error_is_told_by_its_place(rnnbench: Command, tmp_path: Path) -> None:
    code, _, errors = rnnbench(*own_cell(tmp_path, at_import="def broken(:"), *SHORT, "cell=own")
    assert code == 1
    assert errors.startswith(f'  File "{tmp_path}/own/own_')
    assert "importlib" not in errors
    assert "SyntaxError" in errors


@pytest.mark.parametrize(
    ("target", "answer"),
    {
        "MyCell": "it must be MODULE.CLASS",
        "own.own_in_folder.Own": "there is no module own; did you mean own_in_folder.Own?",
    }.items(),
)
def test_wrong_import_paths(rnnbench: Command, tmp_path: Path, target: str, answer: str) -> None:
    (tmp_path / "own/cell").mkdir(parents=True)
    (tmp_path / "own/cell/own.yaml").write_text(f"_target_: {target}\n")
    (tmp_path / "own/own_in_folder.py").write_text("")
    code, _, errors = rnnbench("--config-dir", str(tmp_path / "own"), *SHORT, "cell=own")
    assert (code, errors) == (2, f"rnnbench: cell._target_={target}: cannot be imported ({answer})\n")
