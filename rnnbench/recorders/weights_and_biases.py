"""A run's copy in Weights & Biases. No run fails with W&B or waits long for it; one line says what went wrong."""

import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from tqdm import tqdm

from rnnbench.errors import one_line
from rnnbench.interruption import received
from rnnbench.recorders.recorder import Arrays, Recorder, Scalars
from rnnbench.schema import MEASURED, RunFiles
from rnnbench.store.atomic import write_text
from rnnbench.wandb_logging import content
from rnnbench.wandb_logging.settings import REPLACED

PATIENCE_S = 14.0
"""The longest that a process waits for calls that fail, in all of its runs; then W&B is left alone."""
CALL_S, UPLOAD_S = 3.0, 8.0
INTERRUPTED_S = 0.5
"""The longest that a call is waited for after a signal, or once W&B's process is killed."""


class WeightsAndBiases(Recorder):
    """One W&B run, online or, where that fails, offline; `arguments` are those of wandb.init.

    It is whole in each session: the rows of the sessions before are logged again. W&B passes over steps that it has, so
    that a resumed run has each step once.
    """

    left_s: ClassVar[float] = PATIENCE_S
    away: ClassVar[bool] = False
    """Whether W&B has failed: later runs of this process are logged offline at once."""
    warned: ClassVar[bool] = False

    def __init__(
        self,
        folder: Path,
        mode: str,
        init_timeout_s: float,
        arguments: Mapping[str, Any],
        *,
        axes: Mapping[str, Mapping[str, tuple[str, ...]]],
        constants: Collection[str],
        past_rows: Sequence[Scalars],
        past_arrays: Mapping[str, Sequence[tuple[int, Arrays]]],
        step_times_s: Sequence[float],
    ) -> None:
        self.folder, self.arguments, self.axes, self.constants = folder, arguments, axes, constants
        self.arrays = {probe: list(measured) for probe, measured in past_arrays.items()}
        self.step_times_s, self.step = step_times_s, 0
        self.run: Any = None
        self.core: Any = None
        """W&B's own process, where it was started for this run and not by a program around it."""
        self.hooks = sys.exit, sys.excepthook  # wandb replaces them
        started = time.monotonic()
        RunFiles(folder).wandb_address.unlink(missing_ok=True)
        for attempt in ("online", "offline") if mode == "online" and not self.away else ("offline",):
            if self.run is None and not received() and self._guarded(self._connect, PATIENCE_S):
                self.run = self._guarded(partial(self._init, attempt, init_timeout_s), init_timeout_s + CALL_S)
        self.finish_s = PATIENCE_S - (time.monotonic() - started)
        for row in past_rows:
            self.record(row)

    def record(self, row: Scalars) -> None:
        step = int(row["step"])
        logged = content.history_row(row, self.constants)
        for probe, measured in self.arrays.items():
            for arrays in (arrays for at, arrays in measured if at == step):
                logged |= content.profile_row(arrays, self.axes[probe])
        if times := self.step_times_s[self.step : step]:
            logged["speed/step_time_s"] = median(times)
        self.step = step
        if self.run is not None:
            self._guarded(partial(self.run.log, logged, step), CALL_S)

    def store(self, probe: str, step: int, arrays: Arrays) -> None:
        self.arrays.setdefault(probe, []).append((step, arrays))

    def finish(self, summary: Mapping[str, Any]) -> None:
        if self.run is not None:
            self._guarded(partial(self._finish, summary), self.finish_s)
            self._end()

    def _connect(self) -> bool:
        local = str(self.folder / "wandb")
        os.environ |= {"WANDB_DATA_DIR": local, "WANDB_CACHE_DIR": local, "WANDB_ERROR_REPORTING": "false"}
        is_ours = "WANDB_SERVICE" not in os.environ
        import wandb

        replaced = {name: os.environ.pop(name) for name in REPLACED if name in os.environ}
        try:
            service = wandb.setup(wandb.Settings(silent=True) if is_ours else None).ensure_service()
        finally:
            os.environ |= replaced
        self.core = service._proc._process if is_ours and service._proc else None  # wandb has no call that ends it
        return True

    def _init(self, mode: str, timeout_s: float) -> Any:
        import wandb

        if not self.folder.is_symlink():
            shutil.rmtree(self.folder / "wandb", ignore_errors=True)  # of sessions before
        settings = wandb.Settings(
            silent=True,
            host="",
            program="rnnbench",
            console="off",
            symlink=False,
            init_timeout=timeout_s,
            finish_timeout=UPLOAD_S,
            finish_timeout_raises=True,
            disable_git=True,  # the summary has the commit
            disable_code=True,
            disable_job_creation=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        where: Any = {"mode": mode, "dir": str(self.folder), "resume": "allow" if mode == "online" else None}
        run = wandb.init(settings=settings, reinit="create_new", **where, **self.arguments)
        for section in content.LOGGED:
            run.define_metric(f"{section}/*", summary="none")
        for key in content.LOWER_IS_BETTER:
            run.define_metric(key, summary="min")
        if mode == "online":
            write_text(RunFiles(self.folder).wandb_address, f"{run.url}\n")
        return run

    def _finish(self, summary: Mapping[str, Any]) -> None:
        import wandb

        run, file = self.run, Path(self.run.settings.sync_file)
        step = max(self.step, run.starting_step)  # W&B may have the rows of that step already
        for key, columns, rows in content.tables(self.arrays, self.axes):
            table: Any = wandb.Table(columns, data=rows)
            if key.startswith("charts/"):
                titles = {"title": f"log10 of {key}", "xname": "time step"}
                table = wandb.plot_table("wandb/lineseries/v0", table, content.CHART, titles)
            run.log({key: table}, step=step)
        run.summary.update(content.results(summary))
        run.finish(exit_code=0 if summary["status"] in MEASURED else 1)
        shutil.rmtree(file.parent / "logs", ignore_errors=True)  # they name folders and users
        if not run.settings._offline:
            held = dict(wandb.Api(timeout=5).run(run.path).summary)
            if held.get("status") != summary["status"]:  # the summary is sent last
                raise ConnectionError("the server did not take all of it")
            file.with_name(f"{file.name}.synced").touch()  # as `wandb sync` does

    def _guarded(self, call: Callable[[], Any], timeout_s: float) -> Any:
        """What a call returns. If it fails it is None, the run is lost to W&B, and a line says so once a process."""
        if self.left_s <= 0:
            return None
        started, kind = time.monotonic(), type(self)
        try:
            return bounded(call, min(timeout_s, self.left_s))
        except Exception as error:  # wandb raises a dozen kinds
            self._end(kill=True)
            kind.away, kind.left_s = True, self.left_s - (time.monotonic() - started)
            if not (kind.warned or received()):
                kind.warned = True
                reason = f"{type(error).__name__}: {one_line(error)[:200]}"
                rest = "the run folders are complete, and rnnbench-sync uploads what was logged"
                tqdm.write(f"rnnbench: W&B fails ({reason}); {rest}", file=sys.stderr)
        return None

    def _end(self, kill: bool = False) -> None:
        """End the run and W&B's process, which keeps trying what has failed, and for which this one would wait."""
        run, core = self.run, self.core
        self.run = self.core = None
        if core is None:
            return
        if kill:
            core.kill()
        finish = [] if run is None else [partial(run.finish, 1)]  # does nothing where it is finished
        for call in (*finish, sys.modules["wandb"].teardown):
            with suppress(Exception):
                bounded(call, INTERRUPTED_S if kill else CALL_S)
        core.kill()
        core.wait()
        for left in Path(tempfile.gettempdir()).glob(f"wandb-{os.getpid()}-{core.pid}-*"):
            shutil.rmtree(left, ignore_errors=True)
        sys.exit, sys.excepthook = self.hooks


def bounded(call: Callable[[], Any], timeout_s: float) -> Any:
    """What the call returns. Raises what it raises, and TimeoutError after that time or soon after a signal."""
    outcome: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:  # SystemExit too
            outcome.put((None, error if isinstance(error, Exception) else RuntimeError(repr(error))))

    threading.Thread(target=work, daemon=True).start()
    until, stopping = time.monotonic() + timeout_s, False
    while (left := until - time.monotonic()) > 0:
        if received() and not stopping:
            until, stopping = min(until, time.monotonic() + INTERRUPTED_S), True
        with suppress(queue.Empty):
            result, error = outcome.get(timeout=min(0.1, left))
            if error is not None:
                raise error
            return result
    raise TimeoutError(f"no answer within {timeout_s:.0f} s")
