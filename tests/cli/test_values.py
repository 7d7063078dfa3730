"""One value is one run, and a value is what it was from the command line to the table."""

import json
from pathlib import Path

import pandas as pd
import pytest
from cli.conftest import SMALL, Command

import rnnbench as package
from rnnbench.errors import SettingError
from rnnbench.schema import LARGEST_SEED

OWN = """
import torch
from rnnbench.cells import Cell
class Plain(Cell):
    def __init__(self, input_size: int, hidden_size: int, norm: str | None = None, scale: float = 1.0, shift=0.5):
        super().__init__(input_size, hidden_size)
        self.W, self.U = self.input_map(), self.recurrent_map()
    def step(self, x, state):
        return (torch.tanh(self.W(x) + self.U(state[0])),)
"""
YAML = "# C.\n_target_: plain_of_values.Plain\nnorm: null\nscale: 1.0\nshift: 0.5\n"
RUN = (*SMALL, "task.length=4", "probe=[costs]", "cell=plain", "--config-dir", "own")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a cell, whose setting `norm` is null or text."""
    (tmp_path / "own/cell").mkdir(parents=True)
    (tmp_path / "own/plain_of_values.py").write_text(OWN)
    (tmp_path / "own/cell/plain.yaml").write_text(YAML)
    return tmp_path / "own"


def runs(tmp_path: Path, name: str = "default") -> list[Path]:
    return sorted((tmp_path / "results" / name / "runs").glob("[!.]*"))


def test_one_value_is_one_run(rnnbench: Command, own: Path) -> None:
    sweeps = ("cell.scale=1,1.0", "optimizer.weight_decay=0,-0.0,0.0", "optimizer.lr=1e-3,0.001", "cell.shift=2,2.0")
    code, _, errors = rnnbench("-m", *RUN, *sweeps, "task.length=4.0", "cell.norm=null")
    assert code == 0, errors
    assert len(runs(own.parent)) == 1


def test_infinities_are_values(rnnbench: Command, rnnbench_report: Command, own: Path) -> None:
    assert rnnbench("-m", *RUN, "cell.shift=inf,-inf,null,1.0")[0] == 0
    for _ in range(2):
        assert rnnbench_report("name=default", "figure=[]", "--config-dir", "own")[0] == 0
        values = package.load(own.parent / "results/default").runs["cell.shift"]
        assert sorted(map(str, values)) == ["-inf", "1.0", "inf", "nan"]


def test_null_and_texts_stay_apart(rnnbench: Command, rnnbench_report: Command, own: Path) -> None:
    texts = ["None", "NA", "'1'", "'01'", "'true'", "''", "'=1+1'"]
    assert rnnbench("-m", *RUN, f"cell.norm=null,{','.join(texts)}")[0] == 0
    for _ in range(2):  # from folders, then from both
        code, _, errors = rnnbench_report("name=default", "figure=[]", "--config-dir", "own")
        assert code == 0, errors
    table = pd.read_csv(own.parent / "results/default/comparison.csv")
    assert len(table) == len(texts) + 1
    assert set(table["runs"]) == {1}
    expected = {None, "None", "NA", "1", "01", "true", "", "=1+1"}
    stored = json.dumps(sorted(map(str, expected)))
    for folder in (own.parent / "results/default/runs", None):
        if folder is None:
            (own.parent / "results/default/runs").rename(own.parent / "elsewhere")
        values = package.load(own.parent / "results/default").runs["cell.norm"]
        found = {None if pd.isna(value) else value for value in values}
        assert json.dumps(sorted(map(str, found))) == stored
    assert ",=" not in (own.parent / "results/default/runs.csv").read_text()
    for value, text in (("None", "None"), ("null", None), ("'1'", "1")):
        loaded = package.load(own.parent / "results/default").limited({"cell.norm": [text]})
        assert len(loaded.runs) == 1
        assert rnnbench_report("name=default", "figure=[]", f"only.cell.norm=[{value}]")[0] == 0


def test_seeds_and_names_come_back(rnnbench: Command, rnnbench_report: Command, tmp_path: Path) -> None:
    for seed, name in ((1234567890123456789, "1e3"), (LARGEST_SEED, "2024")):
        assert rnnbench(*SMALL, "task.length=4", "probe=[costs]", f"seed={seed}", f"name={name}")[0] == 0
        for _ in range(2):
            assert rnnbench_report(f"name={name}", "figure=[]", f"only.seed=[{seed}]")[0] == 0
        assert package.load(tmp_path / "results" / name).runs["seed"].tolist() == [seed]


@pytest.mark.parametrize("name", ["null", "1e3"])
def test_cells_with_names_of_values(rnnbench: Command, rnnbench_report: Command, own: Path, name: str) -> None:
    (own / f"cell/{name}.yaml").write_text((own / "cell/plain.yaml").read_text())
    assert rnnbench(*RUN, f'cell="{name}"', f"name=x{name}")[0] == 0
    for _ in range(2):
        assert rnnbench_report(f"name=x{name}", "figure=[]")[0] == 0
    assert package.load(own.parent / "results" / f"x{name}").runs["cell"].tolist() == [name]


def test_any_folder_of_choices(
    rnnbench: Command, rnnbench_report: Command, rnnbench_explain: Command, own: Path
) -> None:
    folder = own.rename(own.parent / "é=(a'b #&%20c").name
    arguments = (*RUN[:-1], folder)
    assert rnnbench(*arguments)[0] == 0
    assert rnnbench_report("name=default", "figure=[]", "--config-dir", folder)[0] == 0
    assert rnnbench_explain("cell=plain", f"--config-dir={folder}")[0] == 0


def test_a_table_has_no_run_twice(rnnbench: Command, own: Path) -> None:
    assert rnnbench("-m", *RUN, "seed=0,1")[0] == 0
    loaded = package.load(own.parent / "results/default")
    twice = pd.concat([loaded.runs, loaded.runs.assign(run=loaded.runs["run"] + "x")], ignore_index=True)
    with pytest.raises(SettingError, match=r"cell=plain task=adding seed=0: is there 2 times \(plain-.*x\)"):
        loaded.of(twice.drop(columns="variant"))
