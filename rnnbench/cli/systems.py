"""The systems that rnnbench runs on."""

import sys


def refuse_windows() -> None:
    """End the program, with a line and exit code 2, on Windows: its processes cannot run the default backend."""
    if sys.platform == "win32":
        print(
            "rnnbench: Windows is not supported; use Linux, macOS or the Windows Subsystem for Linux", file=sys.stderr
        )
        raise SystemExit(2)
