"""Where a run's numbers come from: code, versions, machine, command."""

import platform
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from rnnbench.machine import cpu_limit, logical_cores, processor
from rnnbench.training.checkpoint import source_hash


def provenance(device: torch.device, components: list[type]) -> dict[str, Any]:
    """The provenance of a run that starts now: the columns `rnnbench.schema.PROVENANCE`."""
    commit, dirty = _git_state()
    cpu = processor()
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "rnnbench_version": version("rnnbench"),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),
        "numpy_version": version("numpy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu.name,
        "cpu_family": cpu.family,
        "cpu_model": cpu.model,
        "vector_width_bits": cpu.vector_width_bits,
        "cpu_cores": logical_cores(),
        "cpu_limit": cpu_limit(),
        "component_source": source_hash(components),
        "command_line": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _git_state() -> tuple[str | None, bool | None]:
    """Commit and dirtiness of the checkout that holds this package, or None for both outside one."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments]  # a killed run leaves no index.lock
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with suppress(OSError, subprocess.CalledProcessError):
        if (root / ".git").exists():
            return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    return None, None
