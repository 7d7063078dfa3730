"""The index of an experiment's runs: what it saves, and that it never stands against the folders."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from rnnbench import run_index
from rnnbench.recorders import RunStore
from rnnbench.run_index import RunIndex
from rnnbench.schema import IDENTITY, ExperimentFiles, Status
from rnnbench.storage import DamagedFileError


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_index, "SETTLED_AFTER_NS", -(10**12))


def made(root: Path, seed: int, status: Status = Status.DONE) -> str:
    """A run's folder; returns its name."""
    config = {"seed": seed, "train": {"steps": 3}}
    folder = RunStore(root).folder("gru", "adding", seed, config)
    summary: dict[str, Any] = dict.fromkeys(IDENTITY, "") | {"run": folder.name, "seed": seed, "test_loss": 0.1 + seed}
    folder.start(config, summary | {"status": Status.RUNNING})
    folder.write_records([{"step": 0, "loss": 1.0}], {})
    if status != Status.RUNNING:
        folder.finish(summary | {"status": status})
    return folder.name


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs whose folders are read from then on."""
    names: list[str] = []
    real = run_index.read_run

    def counting(files: Any) -> Any:
        names.append(files.name)
        return real(files)

    monkeypatch.setattr(run_index, "read_run", counting)
    return names


def test_a_run_is_read_once_and_again_when_its_folder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ExperimentFiles(tmp_path)
    names = sorted(made(tmp_path, seed) for seed in (0, 1))
    read = reads(monkeypatch)
    index = RunIndex(files)
    before = {run.name: stored for run, stored in index.runs()}
    index.save()
    assert read == names
    read.clear()
    assert {run.name: stored for run, stored in RunIndex(files).runs()} == before
    assert read == []
    history = files.run(names[0]).history
    content = history.read_bytes()
    history.write_bytes(content.replace(b"1.0", b"1.1"))  # as long as it was
    with pytest.raises(DamagedFileError, match="is not as the run left it"):
        RunIndex(files).run(names[0])
    history.write_bytes(content)
    assert RunIndex(files).run(names[0]) == before[names[0]]
    assert read == [names[0]] * 2


def test_a_change_that_keeps_size_and_modification_time_is_seen(tmp_path: Path) -> None:
    files = ExperimentFiles(tmp_path)
    name = made(tmp_path, 0)
    index = RunIndex(files)
    assert index.run(name)
    index.save()
    history = files.run(name).history
    stat = history.stat()
    history.write_bytes(history.read_bytes().replace(b"1.0", b"1.1"))
    os.utime(history, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(DamagedFileError):
        RunIndex(files).run(name)


def test_what_was_written_just_now_or_has_not_ended_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ExperimentFiles(tmp_path)
    running, done = made(tmp_path, 0, Status.RUNNING), made(tmp_path, 1)
    read = reads(monkeypatch)
    monkeypatch.setattr(run_index, "SETTLED_AFTER_NS", 10**12)
    index = RunIndex(files)
    assert index.run(done)
    index.save()
    assert not files.index.exists()
    monkeypatch.setattr(run_index, "SETTLED_AFTER_NS", -(10**12))
    for _ in range(2):
        index = RunIndex(files)
        assert index.run(running)
        assert index.run(done)
        index.save()
    assert read == [done, running, done, running]


def test_folders_that_are_gone_or_not_begun_are_no_runs(tmp_path: Path) -> None:
    files = ExperimentFiles(tmp_path)
    name = made(tmp_path, 0)
    index = RunIndex(files)
    assert index.run("gru-adding-7-00000000") is None
    assert len(list(index.runs())) == 1
    index.save()
    for path in files.run(name).folder.iterdir():
        path.unlink()
    assert RunIndex(files).run(name) is None
    assert list(RunIndex(files).runs()) == []


@pytest.mark.parametrize("way", ["cut", "empty", "one byte", "another version", "text"])
def test_a_damaged_index_is_made_again(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ExperimentFiles(tmp_path)
    name = made(tmp_path, 0)
    index = RunIndex(files)
    stored = index.run(name)
    index.save()
    content = files.index.read_bytes()
    damaged = {
        "cut": content[:-9], "empty": b"", "one byte": content.replace(b'"done"', b'"dome"'),
        "another version": content.replace(b"index 1", b"index 0"), "text": b"\xff\xfe",
    }  # fmt: skip
    files.index.write_bytes(damaged[way])
    read = reads(monkeypatch)
    index = RunIndex(files)
    assert index.run(name) == stored
    index.save()
    assert read == [name]
    assert files.index.read_bytes() == content


def test_two_may_write_at_once_and_one_that_cannot_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ExperimentFiles(tmp_path)
    names = [made(tmp_path, seed) for seed in range(4)]

    def build() -> None:
        for _ in range(10):
            index = RunIndex(files)
            index._entries.clear()
            for name in names:
                assert index.run(name)
            index.save()

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(run_index._entries(files.index)) == set(names)
    files.index.unlink()

    def refused(path: Path) -> Any:
        raise PermissionError(path)

    monkeypatch.setattr(run_index, "replacing", refused)
    index = RunIndex(files)
    assert index.run(names[0])
    index.save()
    assert not files.index.exists()
    assert not list(files.runs.glob("..index*"))
