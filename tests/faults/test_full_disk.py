"""A disk that is full at twenty places: a file system in memory, a little larger for each sweep.

It is mounted in a namespace of its own, for which Linux asks no privilege in most systems.
"""

import ctypes
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.faults.sweeps import FORK_SERVER, FOUR, Account, Sweep, execute

NEW_MOUNTS, NEW_USER, REMOUNT = 0x00020000, 0x10000000, 32
PAGE = 4096
PLACES = 20


def system_call(name: str, *arguments: object) -> None:
    """A function of the C library that returns 0. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(folder: Path, size: int, flags: int = 0) -> None:
    system_call("mount", b"tmpfs", str(folder).encode(), b"tmpfs", flags, f"size={size}".encode())


def in_namespace(folder: Path) -> None:
    """Give this process mounts of its own, and try one."""
    users = {name: f"0 {number} 1" for name, number in (("uid_map", os.getuid()), ("gid_map", os.getgid()))}
    system_call("unshare", NEW_MOUNTS | NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    for name, line in users.items():
        Path("/proc/self", name).write_text(line)
    folder.mkdir()
    mount(folder, PAGE)


def launch(folder: Path, name: str) -> None:
    """Launch the sweep in a process of its own, whose mounts are these."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            execute("rnnbench", list(FOUR), folder, folder / f"{name}.out", folder / f"{name}.err", {})
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    (folder / f"{name}.code").write_text(str(os.waitstatus_to_exitcode(status)))


def launch_on_disks(folder: Path, sizes: list[int]) -> None:
    """A launch on a new disk of each size, and one more with room; what is there then goes to `<size>/kept/results`."""
    in_namespace(folder / "tried")
    for size in sizes:
        results = folder / str(size) / "results"
        results.mkdir(parents=True)
        mount(results, size)
        launch(results.parent, "full")
        mount(results, 2**24, REMOUNT)
        launch(results.parent, "room")
        shutil.copytree(results, results.parent / "kept" / "results")


@pytest.mark.faults
def test_disk_full_at_twenty_places(undisturbed: Sweep, tmp_path: Path) -> None:
    """Disks from too small for a launch's plan to nearly large enough for the sweep."""
    can = FORK_SERVER.Process(target=in_namespace, args=(tmp_path / "possible",))
    can.start()
    can.join()
    if can.exitcode:
        pytest.skip("this system gives no mounts without privilege")
    most = sum(max(1, -(-path.stat().st_size // PAGE)) for path in undisturbed.files.folder.rglob("*"))
    sizes = [PAGE * (2 + place * (most - 2) // PLACES) for place in range(PLACES)]
    process = FORK_SERVER.Process(target=launch_on_disks, args=(tmp_path, sizes))
    process.start()
    process.join()
    assert process.exitcode == 0
    account = Account()
    for size in sizes:
        folder = tmp_path / str(size)
        errors, code, again = ((folder / name).read_text() for name in ("full.err", "full.code", "room.code"))
        assert (code in ("1", "2"), again, "Traceback" in errors) == (True, "0", False), (size, errors)
        assert "No space left on device: '" in errors
        account = account.plus(Sweep(folder / "kept").account(undisturbed))
        hidden = [path.name for path in (folder / "kept").rglob(".*") if not path.name.endswith(".lock")]
        assert not [name for name in hidden if any(f".{end}." in name for end in ("json", "npz", "pt", "csv"))]
    account.reported("disk full", PLACES)
