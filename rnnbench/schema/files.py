"""The files and folders of an experiment, of its runs and of its launches."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class Named:
    """The path of a file or folder by its name in another folder, with its meaning for results/README.md."""

    def __init__(self, name: str, meaning: str) -> None:
        self.name, self.meaning = name, meaning

    def __get__(self, files: "RunFiles | LaunchFiles | ExperimentFiles", owner: type | None = None) -> Path:
        return files.folder / self.name


def _meanings(owner: type) -> dict[str, str]:
    named = [each for each in vars(owner).values() if isinstance(each, Named)]
    return {f"`{each.name}`": each.meaning for each in named}


def _subfolders(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden, by name; none where there is no folder. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())
    except FileNotFoundError:
        return []


@dataclass(frozen=True)
class RunFiles:
    """The files in the folder of one run; a run has started when its summary exists."""

    folder: Path

    config = Named("config.json", "every setting that can change a result")
    summary = Named("summary.json", "the run's row of `runs.csv`")
    history = Named("history.csv", "one row per training step at which something was recorded")
    weights = Named(
        "weights.pt",
        "the model's weights after the last step and at the best evaluation on validation data, unless "
        "`train.keep_weights=false`; `rnnbench.load_model(FOLDER)` gives the trained model",
    )
    wandb_address = Named(
        "wandb-address.txt", "the address of the run's copy in W&B, if it was logged online or uploaded"
    )
    checkpoint = Named("checkpoint.pt", "what an unfinished run resumes from")
    traceback = Named("traceback.txt", "the traceback of the error, if the run failed")

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    def checkpoint_set_aside(self, number: int) -> Path:
        """A checkpoint that the run could not resume from, the first being number 1."""
        return self.folder / f"checkpoint-set-aside-{number}.pt"

    @property
    def lock(self) -> Path:
        """Locked by the process that executes the run. Alongside the folder, which may not exist yet."""
        return self.folder.parent / f".{self.name}.lock"

    def arrays(self, probe: str) -> Path:
        """A probe's arrays over the steps at which it measured."""
        return self.folder / f"{probe}.npz"

    def probes(self) -> set[str]:
        """The probes that stored arrays."""
        return {path.stem for path in self.folder.glob("[!.]*.npz")}

    def records(self) -> list[Path]:
        """The files of measurements that are there: the history and the arrays."""
        history = [self.history] if os.path.exists(self.history) else []
        return [*history, *(self.arrays(probe) for probe in sorted(self.probes()))]


@dataclass(frozen=True)
class LaunchFiles:
    """The files in the folder of one launch."""

    folder: Path

    plan = Named("plan.json", "the jobs of the launch")

    def outcome(self, number: int) -> Path:
        """The outcome of a job."""
        return self.folder / f"job-{number}.json"

    def traceback(self, number: int) -> Path:
        """The traceback of a job that failed before it had a run folder."""
        return self.folder / f"job-{number}-traceback.txt"

    def running(self, number: int) -> Path:
        """There while the job is executed."""
        return self.folder / f"job-{number}.running"

    def printed(self, number: int) -> Path:
        """What a job printed that ran in another process than the launching one."""
        return self.folder / f"job-{number}.log"

    def ended_and_running(self) -> tuple[set[int], set[int]]:
        """The numbers of the jobs with an outcome and of those being executed, from one look at the folder."""
        split = [path.name.removeprefix("job-").partition(".") for path in self.folder.iterdir()]
        numbered = [(int(number), kind) for number, _, kind in split if number.isdecimal()]
        ended, running = ({number for number, kind in numbered if kind == wanted} for wanted in ("json", "running"))
        return ended, running

    def outcomes(self) -> dict[int, Path]:
        """The outcomes so far by the jobs' numbers, in their order."""
        return {number: self.outcome(number) for number in sorted(self.ended_and_running()[0])}


@dataclass(frozen=True)
class ExperimentFiles:
    """The folder `<results_dir>/<name>/` of one experiment: runs, launches, condensed files and report."""

    folder: Path

    report = Named("report.html", "the page: tables, figures, what was run and how to run it again")
    figures = Named("figures", "each figure as PDF and PNG, with its provenance as `<figure>.json`")
    runs_table = Named("runs.csv", "one row per run")
    data = Named("data", "the condensed files below, all that is needed to make the above again")
    schema = Named("data/schema.json", "the version of these files")
    histories = Named("data/histories.csv.gz", "all histories, with the run's name")
    missing = Named("data/missing.json", "the jobs without a run")
    damaged = Named("data/damaged.json", "if there are some, the run folders that could not be read and why")
    runs = Named("runs", "a folder for each run, `<cell>-<task>-<seed>-<hash>` (not in version control)")
    launches_folder = Named(
        "launches",
        "a folder for each launch, with `plan.json`, its jobs, and `job-<number>.json`, the outcome of each (not in "
        "version control)",
    )

    @classmethod
    def all_in(cls, results_dir: Path) -> "list[ExperimentFiles]":
        """The experiments in a results folder, by name: those with run folders or what they were condensed to."""
        each = [cls(folder) for folder in (sorted(results_dir.iterdir()) if results_dir.is_dir() else [])]
        return [files for files in each if os.path.isdir(files.runs) or os.path.exists(files.runs_table)]

    def run(self, name: str) -> RunFiles:
        """The files of a run, whether or not they are there."""
        return RunFiles(self.runs / name)

    def begun_runs(self) -> list[RunFiles]:
        """The runs that have a folder, by name; that of a run that was killed may lack its summary.

        Raises OSError where the folder of the run folders cannot be read.
        """
        return [RunFiles(path) for path in _subfolders(self.runs)]

    def launches(self) -> list[LaunchFiles]:
        """The launches with a plan, oldest first, and those that cannot be looked into. Raises OSError."""
        begun = [LaunchFiles(path) for path in _subfolders(self.launches_folder)]
        return [each for each in begun if os.path.exists(each.plan) or not os.access(each.folder, os.X_OK)]

    def arrays(self, probe: str) -> Path:
        """A probe's arrays of every run."""
        return self.data / f"{probe}.npz"

    def probes(self) -> list[str]:
        """The probes whose arrays the condensed files have."""
        return sorted(path.stem for path in self.data.glob("[!.]*.npz"))


EXPERIMENT_FILES: Mapping[str, str] = {
    **_meanings(ExperimentFiles),
    "`<table>.csv`, `.md`, `.tex`": "a table; the experiment's YAML chooses which",
    "`<table>.json`": "its provenance: runs, seeds, intervals, what is missing, code",
    "`data/<probe>.npz`": "a probe's arrays of every run but those of tuning seeds, as `<run>/<array>`; as "
    "`<run>/<array>@<other>`, of an array with the numbers of another of its run, its shape alone",
}
"""The contents of an experiment's folder, for results/README.md."""

RUN_FILES: Mapping[str, str] = {
    **_meanings(RunFiles),
    "`<probe>.npz`": "the arrays of a probe: `step`, the training steps at which it measured, and arrays whose first "
    "axis is these steps",
    "`wandb/`": "the run as logged to W&B",
    "`checkpoint-set-aside-<number>.pt`": "a checkpoint that the run could not resume from: damaged, or of other code",
}
"""The contents of a run's folder, for results/README.md."""
