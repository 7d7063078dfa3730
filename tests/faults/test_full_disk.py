"""A disk that is full at thirty places: a file system in memory, a little larger for each sweep.

It is mounted in a namespace of its own, for which Linux asks no privilege in most systems.
"""

import ctypes
import os
import shutil
import sys
import traceback
from pathlib import Path

import pytest

from tests.faults.sweeps import FORK_SERVER, FOUR, Account, Sweep, execute

NEW_MOUNTS, NEW_USER, REMOUNT = 0x00020000, 0x10000000, 32
PAGE = 4096
PLACES = 30
ROOM = 2**24
ENDS = ("json", "npz", "pt", "csv")
"""Of files that are written by way of a temporary one."""


def mount(folder: Path, size: int, flags: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", flags, f"size={size}".encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def in_namespace() -> None:
    """Give this process mounts of its own."""
    users = {name: f"0 {number} 1" for name, number in (("uid_map", os.getuid()), ("gid_map", os.getgid()))}
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS | NEW_USER):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    for name, line in users.items():
        Path("/proc/self", name).write_text(line)


def possible() -> None:
    in_namespace()
    mount(Path("/tmp"), PAGE)


def launch(folder: Path, name: str) -> None:
    """Launch the sweep in a process of its own, whose mounts are these."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            execute("rnnbench", list(FOUR), folder, folder / f"{name}.out", folder / f"{name}.err", {})
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    (folder / f"{name}.code").write_text(str(os.waitstatus_to_exitcode(status)))


def launch_on_disks(folder: Path, sizes: list[int]) -> None:
    """A launch on a new disk of each size, and one more with room; what is there then goes to `<size>/kept/results`."""
    in_namespace()
    for size in sizes:
        results = folder / str(size) / "results"
        results.mkdir(parents=True)
        mount(results, size)
        launch(results.parent, "full")
        mount(results, ROOM, REMOUNT)
        launch(results.parent, "room")
        shutil.copytree(results, results.parent / "kept" / "results")


def bytes_on_disk(folder: Path) -> int:
    """Of files and folders, in whole pages."""
    return sum(max(1, -(-path.stat().st_size // PAGE)) * PAGE for path in folder.rglob("*"))


@pytest.mark.faults
def test_disk_full_at_thirty_places(undisturbed: Sweep, tmp_path: Path) -> None:
    """Disks from too small for a launch's plan to nearly large enough for the sweep."""
    can = FORK_SERVER.Process(target=possible)
    can.start()
    can.join()
    if can.exitcode:
        pytest.skip("this system gives no mounts without privilege")
    most = bytes_on_disk(undisturbed.files.folder) // PAGE
    sizes = [PAGE * (2 + place * (most - 2) // PLACES) for place in range(PLACES)]
    process = FORK_SERVER.Process(target=launch_on_disks, args=(tmp_path, sizes))
    process.start()
    process.join()
    assert process.exitcode == 0
    wrong: list[str] = []
    total = Account(0, 0, [], [], [])
    for size in sizes:
        folder = tmp_path / str(size)
        errors, output, code = ((folder / f"full.{kind}").read_text() for kind in ("err", "out", "code"))
        ended = " | ".join([*output.splitlines(), *errors.splitlines()[:1]])
        print(f"{size // 1024:5} KiB: exit code {code}; {ended}")
        again = (folder / "room.code").read_text()
        if "Traceback" in errors or int(code) not in (1, 2) or again != "0":
            wrong.append(f"{size} bytes: exit codes {code}, {again}\n{errors}\n{(folder / 'room.err').read_text()}")
        if "No space left on device: '" not in errors:
            wrong.append(f"{size} bytes: does not name the file\n{errors}")
        sweep = Sweep(folder / "kept")
        total = total.plus(sweep.account(undisturbed))
        hidden = [path.name for path in sweep.files.folder.rglob(".*") if not path.name.endswith(".lock")]
        wrong += [f"{size} bytes: left {name}" for name in hidden if any(f".{end}." in name for end in ENDS)]
    assert not wrong, "\n".join(wrong)
    total.told("disk full", len(sizes))
