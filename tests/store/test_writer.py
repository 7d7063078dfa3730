"""The run store: files are whole or as they were, one process at a time, and what was written is what is read."""

import hashlib
import json
import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnbench.recorders import RunFolder
from rnnbench.schema import IDENTITY, settings_hash
from rnnbench.store.atomic import DamagedFileError


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "runs" / f"gru-adding-3-{settings_hash({'lr': 0.1})}")
    made.start({"lr": 0.1}, summary(made, "running"))
    return made


def summary(folder: RunFolder, status: str) -> dict[str, Any]:
    """The columns that every run has."""
    named = {"run": folder.name, "cell": "gru", "task": "adding"}
    return dict.fromkeys(IDENTITY, "") | named | {"status": status, "seed": 3}


def names(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_a_write_that_is_cut_leaves_the_file_as_it_was(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.save_checkpoint({"step": 1})
    before = names(folder)

    def cut(state: Any, file: Any) -> None:
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", cut)
    with pytest.raises(KeyboardInterrupt):
        folder.save_checkpoint({"step": 2})
    assert folder.load_checkpoint() == {"step": 1}
    assert names(folder) == before


def test_a_finished_run_keeps_no_checkpoint_a_failed_one_does(folder: RunFolder) -> None:
    folder.save_checkpoint({"step": 1})
    folder.finish(summary(folder, "failed"), traceback="Traceback ...")
    assert (folder.summary(), folder.load_checkpoint()) == (summary(folder, "failed"), {"step": 1})
    assert (folder.path / "traceback.txt").read_text() == "Traceback ..."
    folder.write_records([{"step": 0, "loss": 1.0}], {})
    folder.finish(summary(folder, "done"))
    assert names(folder) == {"config.json", "summary.json", "history.csv"}
    assert folder.summary() == summary(folder, "done")
    stored = json.loads((folder.path / "summary.json").read_text())
    of_history = hashlib.sha256((folder.path / "history.csv").read_bytes()).hexdigest()
    of_config = hashlib.sha256((folder.path / "config.json").read_bytes()).hexdigest()
    digests = {"config.json": of_config[:16], "history.csv": of_history[:16]}
    content = json.dumps([summary(folder, "done"), digests], sort_keys=True)
    digests["summary.json"] = hashlib.sha256(content.encode()).hexdigest()[:16]
    assert stored == {**summary(folder, "done"), "files": digests}


class RunsCode:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_cannot_run_code(folder: RunFolder, tmp_path: Path, zipped: bool) -> None:
    proof, path = tmp_path / "ran", folder.files.checkpoint
    torch.save({"step": 1, "progress": RunsCode(proof)}, path, _use_new_zipfile_serialization=zipped)
    torch.load(path, weights_only=False)
    assert proof.exists()  # it would
    proof.unlink()
    with pytest.raises(DamagedFileError, match=r"checkpoint\.pt: cannot be read \("):
        folder.load_checkpoint()
    assert not proof.exists()


def test_a_damaged_checkpoint_is_named_and_set_aside(folder: RunFolder) -> None:
    folder.save_checkpoint({"step": torch.arange(100)})
    path = folder.files.checkpoint
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(torch.arange(100).numpy().tobytes())] ^= 1
    for number, content in enumerate((b"", b"other", whole[: len(whole) // 2], bytes(flipped)), 1):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"checkpoint\.pt: "):
            folder.load_checkpoint()
        assert folder.set_checkpoint_aside() == folder.path / f"checkpoint-set-aside-{number}.pt"
        assert folder.load_checkpoint() is None


def test_an_error_of_the_disk_while_a_checkpoint_is_written_names_the_file(folder: RunFolder) -> None:
    """torch's own error covers it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*checkpoint.pt'"):
            folder.save_checkpoint({"weights": torch.zeros(4096)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(folder) == {"config.json", "summary.json"}
