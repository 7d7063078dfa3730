"""Files of an experiment damaged: each is named, and what it held is made again."""

import json
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.sweeps import Account, Sweep, stop_at_checkpoint

REPORT = ("table=[comparison]", "figure=[]")


def flipped(path: Path) -> None:
    """One bit of the middle third."""
    content = bytearray(path.read_bytes())
    content[random.Random(path.name).randrange(len(content) // 3, 2 * len(content) // 3 + 1)] ^= 4
    path.write_bytes(bytes(content))


def other_types(path: Path) -> None:
    """Every value of a JSON object in a list; of other files the JSON of nothing."""
    content = json.loads(path.read_bytes()) if path.suffix == ".json" else None
    if isinstance(content, dict):
        content = {key: [value] for key, value in content.items()}
    elif isinstance(content, list):
        content = [{"in": each} for each in content]
    path.write_text(json.dumps(content))


def edited(path: Path, chance: random.Random) -> None:
    """A few random bytes replaced, put in or taken out at random places."""
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(content) + 1)
        content[start : start + chance.choice((0, 1, 1, 1, 7))] = chance.randbytes(chance.choice((0, 1, 1, 1, 7)))
    path.write_bytes(bytes(content))


WAYS: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": flipped,
    "other types": other_types,
    "missing": lambda path: path.unlink(),
}
OF_A_RUN = ("config.json", "summary.json", "history.csv", "gradient_profile.npz")
FILES = (
    *(f"runs/rnn-adding-0-*/{name}" for name in OF_A_RUN),
    *(f"runs/gru-adding-1-*/{name}" for name in (*OF_A_RUN, "checkpoint.pt")),
    "launches/*/plan.json", "launches/*/job-0.json",
    "runs.csv", "data/histories.csv.gz", "data/gradient_profile.npz", "data/schema.json", "comparison.csv",
)  # fmt: skip
"""Those of a finished run, of a killed one, of the launch and of the report."""


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Four runs, the last of them killed, and a report."""
    sweep = Sweep(tmp_path_factory.mktemp("begun"))
    assert sweep.run(before=partial(stop_at_checkpoint, 5, "gru-adding-1")).exit_code == -9
    assert sweep.run(*REPORT, program="rnnbench-report").exit_code == 0
    return sweep


def numbers(sweep: Sweep) -> tuple[list[str], str]:
    """The runs of the report, and its table."""
    runs = pd.read_csv(sweep.files.runs_table)["run"].tolist()
    return sorted(runs), (sweep.files.folder / "comparison.csv").read_text()


def damaged(
    undisturbed: Sweep, begun: Sweep, folder: Path, name: str, damage: Callable[[Path], object], archive: bool = True
) -> Account:
    """What is left after a report and a launch on a copy with one file damaged; with the first report if `archive`."""
    sweep = Sweep(folder)
    shutil.copytree(begun.files.folder, sweep.files.folder)
    (path,) = sweep.files.folder.glob(name)
    damage(path)
    if not archive:
        sweep.files.runs_table.unlink()
        shutil.rmtree(sweep.files.data)
    report = sweep.run(*REPORT, program="rnnbench-report")
    text = report.output + report.errors
    assert report.exit_code in (0, 2), text
    assert path.name in text or (report.exit_code == 0 and numbers(sweep) == numbers(begun)), text
    launch = sweep.run()
    assert launch.exit_code == 0, launch.output + launch.errors
    return sweep.account(undisturbed, again=True)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("runs/rnn-adding-0-*/summary.json", "other types"),
        ("runs/gru-adding-1-*/checkpoint.pt", "cut"),
        ("launches/*/plan.json", "other types"),
        ("launches/*/job-0.json", "flipped"),
    ],
)
def test_some_damage(undisturbed: Sweep, begun: Sweep, tmp_path: Path, name: str, way: str) -> None:
    damaged(undisturbed, begun, tmp_path, name, WAYS[way]).reported(f"{name.rpartition('/')[2]} {way}")


@pytest.mark.faults
@pytest.mark.parametrize("name", FILES)
def test_damage(undisturbed: Sweep, begun: Sweep, tmp_path: Path, name: str) -> None:
    account = Account()
    for way, damage in WAYS.items():
        account = account.plus(damaged(undisturbed, begun, tmp_path / way, name, damage))
    if name.startswith("runs/"):
        account = account.plus(damaged(undisturbed, begun, tmp_path / "alone", name, flipped, archive=False))
    account.reported(f"{name} damaged", len(WAYS) + name.startswith("runs/"))


@pytest.mark.faults
def test_random_bytes(undisturbed: Sweep, begun: Sweep, tmp_path: Path) -> None:
    """In any file that a launch or a report has left."""
    account, chance, times = Account(), random.Random(0), 40
    files = sorted(path for path in begun.files.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    for number in range(times):
        path = chance.choice(files)
        print(path.name)
        name, damage = str(path.relative_to(begun.files.folder)), partial(edited, chance=chance)
        account = account.plus(damaged(undisturbed, begun, tmp_path / str(number), name, damage))
    account.reported("random bytes in a file", times)
