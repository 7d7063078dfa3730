"""Every file of an experiment damaged in every way: it is named, told what is done about it, and gone on."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.sweeps import Sweep

REPORT = ("table=[comparison]", "figure=[]")


def flipped(path: Path) -> None:
    """One bit of the middle third."""
    content = bytearray(path.read_bytes())
    content[random.Random(path.name).randrange(len(content) // 3, 2 * len(content) // 3 + 1)] ^= 4
    path.write_bytes(bytes(content))


def other_types(path: Path) -> None:
    """Every value of a JSON object in a list of its own; of other files the JSON of nothing."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if isinstance(content, dict):
        content = {key: [value] for key, value in content.items()}
    elif isinstance(content, list):
        content = [{"in": each} for each in content]
    path.write_text(json.dumps(content))


WAYS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a bit flipped": flipped,
    "other bytes": lambda path: path.write_bytes(b"\x80\x00other" * 20),
    "other types": other_types,
    "an empty list": lambda path: path.write_bytes(b"[]"),
    "an empty object": lambda path: path.write_bytes(b"{}"),
    "missing": lambda path: path.unlink(),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
}

OF_A_DONE_RUN = ("config.json", "summary.json", "history.csv", "gradient_profile.npz")
OF_A_KILLED_RUN = ("config.json", "summary.json", "history.csv", "gradient_profile.npz", "checkpoint.pt")
OF_THE_LAUNCH = ("plan.json", "job-0.json")
CONDENSED = (
    "runs.csv", "data/histories.csv.gz", "data/gradient_profile.npz", "data/missing.json", "data/schema.json",
)  # fmt: skip
MADE = ("comparison.csv", "comparison.md", "comparison.tex", "comparison.json", "report.html")

FILES = [
    *(f"done/{name}" for name in OF_A_DONE_RUN),
    *(f"killed/{name}" for name in OF_A_KILLED_RUN),
    *(f"launch/{name}" for name in OF_THE_LAUNCH),
    *CONDENSED,
    *MADE,
]


def stop_at_the_fifth_checkpoint() -> None:
    """Kills the process once the last of the four runs has checkpointed five times."""
    from rnnbench.recorders import RunFolder

    save, saved = RunFolder.save_checkpoint, []

    def counted(self: RunFolder, state: dict[str, object]) -> None:
        save(self, state)
        saved.append(self.name)
        if saved.count(self.name) == 5 and self.name.startswith("gru-adding-1"):
            os.kill(os.getpid(), 9)

    RunFolder.save_checkpoint = counted  # type: ignore[method-assign, assignment]


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Four runs, the last of them killed, and a report."""
    sweep = Sweep(tmp_path_factory.mktemp("begun"))
    assert sweep.run(before=stop_at_the_fifth_checkpoint).process.exitcode == -9
    assert sweep.run(*REPORT, program="rnnbench-report").process.exitcode == 0
    return sweep


def place(sweep: Sweep, name: str) -> Path:
    """The file of that name in FILES."""
    kind, _, rest = name.partition("/")
    patterns = {"done": "runs/rnn-adding-0-*", "killed": "runs/gru-adding-1-*", "launch": "launches/*"}
    if kind not in patterns:
        return sweep.files.folder / name
    (found,) = sweep.files.folder.glob(patterns[kind])
    return found / rest


def damaged(begun: Sweep, tmp_path: Path, name: str, way: str, *, archive: bool) -> tuple[Sweep, Path]:
    """A copy with one file damaged; without the report and what it condensed unless `archive`."""
    sweep = Sweep(tmp_path / "sweep")
    shutil.copytree(begun.files.folder, sweep.files.folder)
    path = place(sweep, name)
    WAYS[way](path)
    if not archive:
        (sweep.files.folder / "runs.csv").unlink()
        shutil.rmtree(sweep.files.data)
    return sweep, path


def numbers(sweep: Sweep) -> tuple[list[str], str]:
    """The runs of the report, and its table."""
    runs = pd.read_csv(sweep.files.runs_table)["run"].tolist()
    return sorted(runs), (sweep.files.folder / "comparison.csv").read_text()


def check(undisturbed: Sweep, begun: Sweep, sweep: Sweep, path: Path) -> list[str]:
    """What a report does wrong with the damaged file, and a launch with one that it reads."""
    wrong = []
    before = numbers(begun)
    report = sweep.run(*REPORT, program="rnnbench-report")
    text = report.output + report.errors
    if "Traceback" in text:
        wrong.append(f"report: traceback: {text[-600:]}")
    if report.process.exitcode not in (0, 2):
        wrong.append(f"report: exit code {report.process.exitcode}: {text[-300:]}")
    if report.process.exitcode == 2 and path.name not in text:
        wrong.append(f"report: refused without naming the file: {text[-300:]}")
    if report.process.exitcode == 0 and numbers(sweep) != before and path.name not in text:
        wrong.append(f"report: other numbers without naming the file: {text[-600:]}")
    if path.parent.parent.name not in ("runs", "launches"):
        return wrong

    launch = sweep.run()
    if "Traceback" in launch.errors:
        wrong.append(f"launch: traceback: {launch.errors[-600:]}")
    if launch.process.exitcode != 0:
        wrong.append(f"launch: exit code {launch.process.exitcode}: {(launch.output + launch.errors)[-600:]}")
    account = sweep.account(undisturbed, again=True)
    if account.lost or account.doubled or account.mixed:
        wrong.append(f"after launch: {account}")
    return wrong


SOME = [("done/summary.json", "other types"), ("killed/checkpoint.pt", "cut"), ("data/histories.csv.gz", "cut")]


@pytest.mark.parametrize(("name", "way"), SOME)
def test_some_damage(undisturbed: Sweep, begun: Sweep, tmp_path: Path, name: str, way: str) -> None:
    sweep, path = damaged(begun, tmp_path, name, way, archive=True)
    assert check(undisturbed, begun, sweep, path) == []


@pytest.mark.faults
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FILES)
def test_damage(undisturbed: Sweep, begun: Sweep, tmp_path: Path, name: str, way: str) -> None:
    sweep, path = damaged(begun, tmp_path, name, way, archive=True)
    assert check(undisturbed, begun, sweep, path) == []


@pytest.mark.faults
@pytest.mark.parametrize("way", ["empty", "a bit flipped", "other types", "missing"])
@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(("done", "killed", "launch"))])
def test_damage_without_condensed_files(undisturbed: Sweep, begun: Sweep, tmp_path: Path, name: str, way: str) -> None:
    sweep, path = damaged(begun, tmp_path, name, way, archive=False)
    assert check(undisturbed, begun, sweep, path) == []


def edited(path: Path, chance: random.Random) -> None:
    """A few random bytes replaced, put in or taken out at random places."""
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(content) + 1)
        content[start : start + chance.choice((0, 1, 1, 1, 7))] = chance.randbytes(chance.choice((0, 1, 1, 1, 7)))
    path.write_bytes(bytes(content))


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(300))
def test_random_bytes(undisturbed: Sweep, begun: Sweep, tmp_path: Path, seed: int) -> None:
    """In any file that a launch or a report has left."""
    sweep, chance = Sweep(tmp_path / "sweep"), random.Random(seed)
    shutil.copytree(begun.files.folder, sweep.files.folder)
    path = chance.choice(sorted(path for path in sweep.files.folder.rglob("*") if path.is_file()))
    edited(path, chance)
    print(f"\n{path.relative_to(sweep.folder)}")
    assert check(undisturbed, begun, sweep, path) == []
