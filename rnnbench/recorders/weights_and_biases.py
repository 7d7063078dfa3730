"""A run's copy in Weights & Biases. No run fails with W&B or waits long for it; one line says what went wrong."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from tqdm import tqdm

from rnnbench import wandb_logging
from rnnbench.errors import named
from rnnbench.interruption import received
from rnnbench.recorders.recorder import Arrays, Recorder, Scalars
from rnnbench.schema import MEASURED, RunFiles
from rnnbench.store.atomic import write_text

PATIENCE_S = 14.0
"""The longest that a process waits for calls that fail, in all of its runs; then W&B is left alone."""
CALL_S, UPLOAD_S, INTERRUPTED_S = 3.0, 6.0, 0.5
"""The longest that one call is waited for: to log, to finish, and after a signal or once W&B's process is killed."""


class WeightsAndBiases(Recorder):
    """One W&B run, online or, where that fails, offline; `arguments` are those of wandb.init.

    The rows of the sessions before are logged again, and W&B passes over the steps that it has.
    """

    left_s: ClassVar[float] = PATIENCE_S
    away: ClassVar[bool] = False
    """Whether W&B has failed: later runs of this process are logged offline at once."""
    core: ClassVar[Any] = None
    """W&B's own process, where it was started here and not by a program around this one."""

    def __init__(
        self,
        folder: Path,
        settings: wandb_logging.WandbSettings,
        arguments: Mapping[str, Any],
        *,
        axes: Mapping[str, Mapping[str, tuple[str, ...]]],
        past_rows: Sequence[Scalars],
        past_arrays: Mapping[str, Sequence[tuple[int, Arrays]]],
    ) -> None:
        self.folder, self.settings, self.arguments, self.axes = folder, settings, arguments, axes
        self.profiles: dict[int, dict[str, Any]] = {}  # of the top layer, by step
        self.run: Any = None
        RunFiles(folder).wandb_address.unlink(missing_ok=True)
        online = settings.resolved_mode() == "online" and not self.away
        for mode in ("online", "offline") if online else ("offline",):
            if self.run or received() or self.left_s <= 0:
                break
            if self._guarded(self._connect, PATIENCE_S):
                self.run = self._guarded(partial(self._init, mode), settings.init_timeout_s + CALL_S)
        for probe, measured in past_arrays.items():
            for step, arrays in measured:
                self.store(probe, step, arrays)
        for row in past_rows:
            self.record(row)

    def record(self, row: Scalars) -> None:
        if self.run is not None:
            step = int(row["step"])
            logged = wandb_logging.history_row(row) | wandb_logging.profile_row(self.profiles.get(step, {}))
            self._guarded(partial(self.run.log, logged, step), CALL_S)

    def store(self, probe: str, step: int, arrays: Arrays) -> None:
        over_time = [name for name, axes in self.axes[probe].items() if axes == wandb_logging.PROFILE_AXES]
        self.profiles.setdefault(step, {}).update({name: arrays[name][-1] for name in over_time})

    def finish(self, summary: Mapping[str, Any]) -> None:
        if self.run is not None:
            self._guarded(partial(self._finish, summary), UPLOAD_S)

    def _connect(self) -> bool:
        os.environ["WANDB_ERROR_REPORTING"] = "false"
        is_ours = "WANDB_SERVICE" not in os.environ
        import wandb

        service = wandb.setup(wandb.Settings(silent=True) if is_ours else None).ensure_service()
        if is_ours and service._proc:
            type(self).core = service._proc._process  # wandb has no call that ends it
        return True

    def _init(self, mode: str) -> Any:
        import wandb

        shutil.rmtree(self.folder / "wandb", ignore_errors=True)  # of sessions before
        where: Any = {"mode": mode, "dir": str(self.folder), "resume": "allow" if mode == "online" else None}
        run = wandb.init(reinit="create_new", **where, **self.arguments)
        if mode == "online":
            write_text(RunFiles(self.folder).wandb_address, f"{run.url}\n")
        return run

    def _finish(self, summary: Mapping[str, Any]) -> None:
        import wandb

        run, file = self.run, Path(self.run.settings.sync_file)
        for name in next(iter(self.profiles.values()), {}):
            pixels = wandb_logging.heat_map([profiles[name] for profiles in self.profiles.values()])
            run.log({f"heat_map/{name}": wandb.Image(pixels, caption=wandb_logging.HEAT_MAP)}, commit=False)
        if self.settings.log_model and (weights := RunFiles(self.folder).weights).exists():
            run.log_model(weights)
        run.summary.update(wandb_logging.results(summary))
        run.finish(exit_code=0 if summary["status"] in MEASURED else 1)
        shutil.rmtree(file.parent / "logs", ignore_errors=True)  # they name folders and users
        if run.url:
            if dict(wandb.Api(timeout=5).run(run.path).summary).get("status") != summary["status"]:  # sent last
                raise ConnectionError("the server did not take all of it")
            file.with_name(f"{file.name}.synced").touch()  # as `wandb sync` does

    def _guarded(self, call: Callable[[], Any], timeout_s: float) -> Any:
        """What a call returns. If it fails it is None, W&B's process is killed, and a line says so once a process."""
        kind, started = type(self), time.monotonic()
        try:
            return bounded(call, min(timeout_s, kind.left_s))
        except Exception as error:  # wandb raises a dozen kinds
            core, self.run, kind.core = self.core, None, None
            if core is not None:
                core.kill()
                with suppress(Exception):
                    bounded(sys.modules["wandb"].teardown, INTERRUPTED_S)
                core.wait()
            kind.left_s -= time.monotonic() - started
            if not (kind.away or received()):
                said = f"rnnbench: W&B fails ({named(error)[:200]})"
                tqdm.write(f"{said}; the run folders are complete, and rnnbench-sync uploads the rest", file=sys.stderr)
            kind.away = True
        return None


def bounded(call: Callable[[], Any], timeout_s: float) -> Any:
    """What the call returns. Raises what it raises, and TimeoutError after that time or soon after a signal."""
    outcome: Future[Any] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # SystemExit too
            outcome.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    threading.Thread(target=work, daemon=True).start()
    until = time.monotonic() + timeout_s
    while (left := until - time.monotonic()) > 0:
        if wait([outcome], min(0.1, left)).done:
            return outcome.result()
        if received():
            until = min(until, time.monotonic() + INTERRUPTED_S)
    raise TimeoutError(f"no answer within {timeout_s:.0f} s")
