"""The process that talks to W&B: messages in on its standard input, reports out on its output, JSON lines both.

A message names a method of `Client` and its arguments. The process ends with its input: what was said before is still
done, for at most GRACE_S, and then the process and all that it started are killed together, W&B's own process included.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnbench.errors import one_line
from rnnbench.schema import RunFiles
from rnnbench.store.atomic import remove, write_text
from rnnbench.wandb_logging.content import LOGGED, LOWER_IS_BETTER, RECORD

BLOCK, BLOCK_HEADER = 32768, 7
"""Bytes of a block of wandb's files, which are logs of LevelDB, and of its header, which may part a text in two."""

WRITING_S = 2.0
"""Seconds within which the file of a finished run is complete, which it is within milliseconds."""
GRACE_S = 5.0
"""Time to finish after the input has ended."""


class Client:
    """Does what the messages say, with wandb. An error of a run ends its copy and nothing else."""

    def __init__(self, reports: Any) -> None:
        self.reports = reports
        self.run: Any = None
        self.name = ""
        self.away = False
        """Whether W&B could not be reached: later runs are logged offline at once."""

    def handle(self, message: dict[str, Any]) -> None:
        """Do what a message says. Whatever wandb raises becomes a report that the run is lost."""
        try:
            getattr(self, str(message.pop("do")))(**message)
        except Exception as error:
            self.run = None
            self.report(lost=self.name, reason=_reason(error))

    def report(self, **what: Any) -> None:
        print(json.dumps(what), file=self.reports, flush=True)

    def start(
        self,
        run: str,
        experiment: str,
        mode: str,
        folder: str,
        timeout_s: float,
        fallback: bool,
        init: dict[str, Any],
    ) -> None:
        """Start a run's copy, online or, when that fails and `fallback` says so, offline."""
        if self.run is not None:
            self.run.finish(exit_code=1)
        self.run, self.name = None, run
        shutil.rmtree(Path(folder) / "wandb", ignore_errors=True)  # of earlier sessions, whose rows are sent again
        Path(folder).mkdir(exist_ok=True)
        address = RunFiles(Path(folder)).wandb_address
        remove(address)
        if mode == "online" and not self.away:
            try:
                self.run = _init("online", folder, timeout_s, {"resume": "allow", **init})
                self.report(started=run, url=self.run.url)
            except Exception as error:
                if not fallback:
                    raise
                self.away = True
                self.report(away=run, reason=_reason(error))
                _restart()
                shutil.rmtree(Path(folder) / "wandb", ignore_errors=True)
        if self.run is None:
            os.environ["WANDB_DATA_DIR"] = str(Path(folder) / "wandb")  # `wandb sync` needs the files of tables later
            self.run = _init("offline", folder, timeout_s, init)
        else:
            write_text(address, f"{self.run.url}\n")
        for section in LOGGED:
            self.run.define_metric(f"{section}/*", summary="none")
        for key in LOWER_IS_BETTER:
            self.run.define_metric(key, summary="min")

    def log(self, step: int, row: Mapping[str, float]) -> None:
        """Log a row of the history."""
        if self.run is not None:
            self.run.log(dict(row), step=step)

    def finish(
        self,
        step: int,
        summary: Mapping[str, Any],
        tables: Sequence[dict[str, Any]],
        charts: Sequence[dict[str, Any]],
        exit_code: int,
    ) -> None:
        """Log tables and charts, and finish the run. What the server then lacks is reported."""
        if self.run is None:
            return
        import wandb

        step = max(step, self.run.starting_step)  # W&B may have the rows of that step already
        for table in tables:
            self.run.log({table["key"]: wandb.Table(table["columns"], data=table["data"])}, step=step)
        for chart in charts:
            self.run.log({chart.pop("key"): wandb.plot.line_series(**chart)}, step=step)
        self.run.summary.update(dict(summary))
        run, self.run = self.run, None
        online, path, file = not run.settings._offline, run.path, Path(run.settings.sync_file)
        run.finish(exit_code=exit_code)
        if online and not _holding(path, summary.get(RECORD)):
            raise ConnectionError("the server did not take all of it")
        if not online and not _becomes_whole(file, str(summary.get(RECORD, ""))):
            raise OSError(f"{file.name} is cut, as on a full disk")
        self.report(kept=self.name)

    def check(self, run: str, path: str, record: str) -> None:
        """Report the address of a run on the server, if it holds all of it."""
        self.name = run
        self.report(checked=run, url=_holding(path, record))

    def artifact(self, name: str, files: Mapping[str, str]) -> None:
        """Log files, each with its path in the artifact, as an artifact of the run."""
        if self.run is None:
            return
        import wandb

        artifact = wandb.Artifact(name, type="results")
        for path, inside in files.items():
            artifact.add_file(path, inside)
        self.run.log_artifact(artifact)

    def end(self) -> None:
        """Finish the run that was not, as one that was interrupted."""
        if self.run is not None:
            self.run.finish(exit_code=1)


def _init(mode: str, folder: str, timeout_s: float, arguments: dict[str, Any]) -> Any:
    import wandb

    settings = wandb.Settings(
        silent=True,
        program="rnnbench",
        console="off",
        init_timeout=timeout_s,
        finish_timeout=timeout_s,
        finish_timeout_raises=True,
        disable_git=True,  # the summary has the commit
        disable_code=True,
        disable_job_creation=True,
        x_disable_stats=True,  # of this process, not of the training
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
    return wandb.init(mode=mode, dir=folder, settings=settings, reinit="finish_previous", **arguments)  # type: ignore[arg-type]


def _restart() -> None:
    """Kill W&B's own process, which keeps trying what has failed, so that the next run starts one."""
    import wandb

    for child in _Child.started:
        if child.poll() is None:
            child.kill()
            child.wait()
    _Child.started.clear()
    os.environ.pop("WANDB_SERVICE", None)
    try:
        wandb.teardown()
    except Exception as error:  # it has lost its process; the next run starts another
        print(error, file=sys.stderr)


def _holding(path: str, record: Any) -> str:
    """The run's address where the server has its whole summary, which is the last that is sent; "" otherwise."""
    import wandb

    try:
        run = wandb.Api(timeout=10).run(path)
        summary: Mapping[str, Any] = dict(run.summary)
        return str(run.url) if summary.get(RECORD) == record else ""
    except wandb.errors.CommError as error:
        if "Could not find run" in str(error):
            return ""
        raise


def _becomes_whole(file: Path, record: str) -> bool:
    """Whether the run's file is whole, or is so soon: wandb may still be writing it when the run is finished."""
    until = time.monotonic() + WRITING_S
    while not (whole := _is_whole(file, record)) and time.monotonic() < until:
        time.sleep(0.02)
    return whole


def _is_whole(file: Path, record: str) -> bool:
    """Whether the run's file has its summary, which is nearly the last that wandb writes, and without an error."""
    written = file.read_bytes()
    blocks = (written[start + BLOCK_HEADER : start + BLOCK] for start in range(0, len(written), BLOCK))
    return record.encode() in b"".join(blocks)


def _reason(error: BaseException) -> str:
    said = one_line(error).partition(" Consider increasing")[0][:200]
    return f"{type(error).__name__}: {said}"


class _Child(subprocess.Popen[Any]):
    """A process in this one's group, so that it is killed with it; wandb asks for a group of its own."""

    started: list["_Child"] = []  # noqa: RUF012

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "start_new_session": False})
        self.started.append(self)


def _read(inbox: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    for line in sys.stdin.buffer:
        inbox.put(json.loads(line))
    inbox.put(None)
    threading.Timer(GRACE_S, _kill_all).start()


def _kill_all() -> None:
    """Remove the temporary folder, and kill this process with all that it started."""
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Started by `process`, as the leader of a process group with a temporary folder of its own."""
    reports = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(inbox,), daemon=True).start()
    subprocess.Popen = _Child  # type: ignore[misc]
    client = Client(reports)
    try:
        import wandb  # noqa: F401  while the run is being built

        while (message := inbox.get()) is not None:
            client.handle(message)
        client.handle({"do": "end"})
        sys.modules["wandb"].teardown()
    finally:
        _kill_all()


if __name__ == "__main__":
    main()
