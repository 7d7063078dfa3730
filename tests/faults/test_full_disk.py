"""A disk that is full at thirty places: a file system in memory that is a little larger for each launch of one sweep.

It is mounted in a namespace of its own, for which Linux asks no privilege in most systems.
"""

import ctypes
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.faults.sweeps import FORK_SERVER, FOUR, Sweep, execute

NEW_MOUNTS, NEW_USER, REMOUNT = 0x00020000, 0x10000000, 32
PAGE = 4096


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


def launch_with_growing_disk(folder: Path, sizes: list[int]) -> None:
    """One launch for each size; what is on the disk in the end goes to `<folder>/kept/results`."""
    in_namespace()
    results = folder / "results"
    results.mkdir(parents=True)
    mount(results, sizes[0])
    for number, size in enumerate(sizes):
        mount(results, size, REMOUNT)
        if (child := os.fork()) == 0:
            code = 1
            try:
                execute("rnnbench", list(FOUR), folder, folder / f"{number}.out", folder / f"{number}.err", {})
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        (folder / f"{number}.code").write_text(str(os.waitstatus_to_exitcode(status)))
    shutil.copytree(results, folder / "kept" / "results")


@pytest.mark.faults
def test_disk_full_at_thirty_places(undisturbed: Sweep, tmp_path: Path) -> None:
    can = FORK_SERVER.Process(target=possible)
    can.start()
    can.join()
    if can.exitcode:
        pytest.skip("this system gives no mounts without privilege")
    sizes = [*(PAGE * pages for pages in range(2, 152, 5)), 2**22]
    process = FORK_SERVER.Process(target=launch_with_growing_disk, args=(tmp_path / "sweep", sizes))
    process.start()
    process.join()
    assert process.exitcode == 0
    folder, wrong = tmp_path / "sweep", []
    for number, size in enumerate(sizes):
        errors, code = (folder / f"{number}.err").read_text(), int((folder / f"{number}.code").read_text())
        output = (folder / f"{number}.out").read_text()
        print(
            f"{size // 1024:5} KiB: exit code {code}; {' | '.join([*errors.splitlines()[-1:], *output.splitlines()])}"
        )
        if "Traceback" in errors or code not in (0, 1, 2):
            wrong.append((size, code, errors[-1500:]))
    assert not wrong
    assert code == 0
    sweep = Sweep(folder / "kept")
    sweep.account(undisturbed).told("disk full at thirty places")
    hidden = [path.name for path in sweep.files.folder.rglob(".*") if not path.name.endswith(".lock")]
    assert not [name for name in hidden if ".json." in name or ".npz." in name or ".pt." in name], hidden
