"""Uploads the runs of an experiment from their folders, one by one, each checked on the server."""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rnnbench.errors import one_line
from rnnbench.schema import ENDED, ExperimentFiles, RunFiles
from rnnbench.store.atomic import DamagedFileError, read_arrays, read_bytes, write_text
from rnnbench.store.reader import StoredRun, read_run
from rnnbench.wandb_logging import content, messages
from rnnbench.wandb_logging.content import Arrays
from rnnbench.wandb_logging.process import WandbProcess
from rnnbench.wandb_logging.settings import WandbSettings

ARTIFACT_NAME = 128
"""W&B's limit for the name of an artifact."""
MARGIN_S = 60.0
"""Beyond the time that wandb's own steps may take."""
Axes = Callable[[Mapping[str, Any]], Mapping[str, Mapping[str, tuple[str, ...]]]]


class Uploader:
    """Uploads to where the settings say; `axes` gives, of a run's probes, the axes of each array."""

    def __init__(self, wandb_process: WandbProcess, settings: WandbSettings, axes: Axes) -> None:
        self.wandb_process, self.settings, self.axes = wandb_process, settings, axes

    def upload(self, files: ExperimentFiles, tell: Callable[[str], None]) -> Counter[str]:
        """Upload what the server lacks, told run by run; returns how many of each outcome there were.

        Without a single success the first failure ends it: W&B cannot be reached, or refuses the key.
        """
        counts: Counter[str] = Counter()
        runs = files.begun_runs()
        for number, run in enumerate(runs, 1):
            outcome, reason = self._run(files.folder.name, run)
            counts[outcome] += 1
            tell(f"[{number}/{len(runs)}] {run.name}: {outcome}{f' ({reason})' if reason else ''}")
            if outcome == "failed" and not (counts["uploaded"] or counts["there already"]):
                counts["not tried"] = len(runs) - number
                return +counts
        if files.report.exists():
            failure = self._report(files)
            tell(f"report: {f'failed ({failure})' if failure else 'uploaded as an artifact'}")
            counts["failed"] += failure != ""
        return +counts

    def _run(self, experiment: str, files: RunFiles) -> tuple[str, str]:
        """The outcome of one run, and the reason where it was not uploaded."""
        try:
            run = read_run(files)
            if run.summary["status"] not in ENDED:
                return "skipped", "it has not ended"
            rows = list(_rows(files))
            arrays = {probe: _arrays(files, probe) for probe in sorted(files.probes())}
        except DamagedFileError as error:
            return "skipped", error.brief
        where = self.settings.arguments(experiment, [run.summary["cell"], run.summary["task"]])
        record = content.results(run.summary)[content.RECORD]
        path = "/".join(
            str(part)
            for part in (where["entity"], where["project"], content.identity(experiment, run.summary))
            if part is not None
        )
        self.wandb_process.prepare()
        self.wandb_process.send({"do": "check", "run": files.name, "path": path, "record": record})
        report = self._answer("checked")
        if "lost" in report:
            return "failed", report["reason"]
        if report["url"]:
            return "there already", _kept(files, report["url"])
        reason = self._send(experiment, files, run, rows, arrays, where)
        if reason:
            return "failed", reason
        return "uploaded", _kept(files, read_bytes(self._folder(files.name).wandb_address).decode().strip())

    def _send(
        self,
        experiment: str,
        files: RunFiles,
        run: StoredRun,
        rows: list[dict[str, float | str]],
        arrays: Mapping[str, list[tuple[int, Arrays]]],
        where: Mapping[str, object],
    ) -> str:
        """Log the run online; returns why it failed, or nothing."""
        axes = self.axes(run.config)
        config = content.configuration(run.config, run.summary, experiment, None)
        identity = content.identity(experiment, run.summary)
        self._start(experiment, files.name, identity, {"config": config, **where})
        constants = {name for name in rows[0] if not any(name in row for row in rows[1:])} if len(rows) > 1 else ()
        for row in rows:
            logged = content.history_row(row, constants)
            for probe, measured in arrays.items():
                for step, values in measured:
                    if step == row["step"]:
                        logged |= content.profile_row(values, axes.get(probe, {}))
            self.wandb_process.send({"do": "log", "step": int(row["step"]), "row": logged})
        last = int(rows[-1]["step"]) if rows else 0
        self.wandb_process.send(messages.ending(last, run.summary, arrays, axes))
        return str(self._answer("kept").get("reason", ""))

    def _report(self, files: ExperimentFiles) -> str:
        """Log the report's files as an artifact of a run of their own; returns why it failed, or nothing."""
        name = files.folder.name
        where = self.settings.arguments(name, ["report"]) | {"job_type": "report"}
        identity = content.identity(name, {"run": "report"})
        self._start(name, "report", identity, {"config": {"experiment": name}, **where})
        inside = {str(path.resolve()): str(path.relative_to(files.folder)) for path in files.report_files()}
        self.wandb_process.send({"do": "artifact", "name": f"{name[: ARTIFACT_NAME - 8]}-results", "files": inside})
        self.wandb_process.send(messages.ending(0, {"status": "done"}, {}, {}))
        return str(self._answer("kept").get("reason", ""))

    def _start(self, experiment: str, run: str, identity: str, init: Mapping[str, Any]) -> None:
        folder, timeout = self._folder(run).folder, self.settings.init_timeout_s
        self.wandb_process.send(
            messages.starting(folder, experiment, identity, "online", timeout, init, fallback=False)
        )

    def _folder(self, run: str) -> RunFiles:
        """Where W&B's process keeps what it writes of a run."""
        return RunFiles(Path(self.wandb_process.temporary) / run)

    def _answer(self, kind: str) -> dict[str, Any]:
        """The report of that kind, or that the run is lost."""
        for report in self.wandb_process.reports(2 * self.settings.init_timeout_s + MARGIN_S):
            if kind in report or "lost" in report:
                return report
        return {"lost": "", "reason": "W&B's process does not answer, or ended"}


def _kept(files: RunFiles, address: str) -> str:
    """Write the run's address to its folder; returns why that failed, or nothing."""
    try:
        write_text(files.wandb_address, f"{address}\n")
    except OSError as error:  # the server has the run all the same
        return f"its address cannot be written: {one_line(error)}"
    return ""


def _rows(files: RunFiles) -> Iterator[dict[str, float | str]]:
    """The history, without what is empty."""
    for row in csv.DictReader(io.StringIO(read_bytes(files.history).decode())) if files.history.exists() else ():
        yield {name: _value(text) for name, text in row.items() if text}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return math.nan if text == "nan" else text


def _arrays(files: RunFiles, probe: str) -> list[tuple[int, Arrays]]:
    """A probe's arrays at each step at which it measured."""
    stored = read_arrays(files.arrays(probe))
    steps = stored.pop("step")
    return [(int(step), {name: values[at] for name, values in stored.items()}) for at, step in enumerate(steps)]
