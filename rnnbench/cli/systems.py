"""Where rnnbench runs: the systems, and a working directory that is there."""

import os
import sys


def refuse_windows() -> None:
    """End the program, with a line and exit code 2, on Windows: its processes cannot run the default backend."""
    if sys.platform == "win32":
        print(
            "rnnbench: Windows is not supported; use Linux, macOS or the Windows Subsystem for Linux", file=sys.stderr
        )
        raise SystemExit(2)


def refuse_deleted_folder() -> None:
    """End the program, with a line and exit code 2, in a deleted working directory: torch does not load there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        print("rnnbench: the working directory has been deleted; change to another one", file=sys.stderr)
        raise SystemExit(2) from None
