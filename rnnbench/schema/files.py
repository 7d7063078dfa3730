"""The files and folders of an experiment, of its runs and of its launches."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def contents(folder: Path) -> list[Path]:
    """What is in a folder that is not hidden, by name; nothing where there is no folder. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


def _has_contents(folder: Path) -> bool:
    """Whether there is something in a folder, or it cannot be looked into."""
    try:
        return folder.is_dir() and any(folder.iterdir())
    except PermissionError:
        return True


@dataclass(frozen=True)
class RunFiles:
    """The files in the folder of one run."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def config(self) -> Path:
        """Every setting that can change a result."""
        return self.folder / "config.json"

    @property
    def summary(self) -> Path:
        """The run's columns; the last file written at the start of a run, so a run has started when it exists."""
        return self.folder / "summary.json"

    @property
    def history(self) -> Path:
        """One row per training step at which something was recorded."""
        return self.folder / "history.csv"

    @property
    def checkpoint(self) -> Path:
        """What an unfinished run resumes from."""
        return self.folder / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The weights after training; only there if they are kept."""
        return self.folder / "weights.pt"

    def checkpoint_set_aside(self, number: int) -> Path:
        """A checkpoint that the run could not resume from, the first being number 1."""
        return self.folder / f"checkpoint-set-aside-{number}.pt"

    @property
    def wandb_address(self) -> Path:
        """The address of the run's copy in W&B; there once it was logged online or uploaded."""
        return self.folder / "wandb-address.txt"

    @property
    def traceback(self) -> Path:
        """The traceback of a failed run."""
        return self.folder / "traceback.txt"

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

    @property
    def plan(self) -> Path:
        """The overrides of each job."""
        return self.folder / "plan.json"

    def outcome(self, number: int) -> Path:
        """The outcome of a job."""
        return self.folder / f"job-{number}.json"

    def traceback(self, number: int) -> Path:
        """The traceback of a job that failed before it had a run folder."""
        return self.folder / f"job-{number}-traceback.txt"

    def progress(self, number: int) -> Path:
        """How far the job's run has come, while it runs."""
        return self.folder / f"job-{number}.progress"

    def ended_and_begun(self) -> tuple[set[int], set[int]]:
        """The numbers of the jobs with an outcome and of those with a progress, from one look at the folder."""
        split = [path.name.removeprefix("job-").partition(".") for path in self.folder.iterdir()]
        numbered = [(int(number), kind) for number, _, kind in split if number.isdecimal()]
        return {number for number, kind in numbered if kind == "json"}, {
            number for number, kind in numbered if kind == "progress"
        }

    def printed(self, number: int) -> Path:
        """What a job printed that ran in another process than the launching one."""
        return self.folder / f"job-{number}.log"

    def outcomes(self) -> list[Path]:
        """The outcomes so far, in the order of the jobs' numbers."""
        numbered = [path for path in self.folder.glob("job-*.json") if path.stem.partition("-")[2].isdecimal()]
        return sorted(numbered, key=self.number)

    def number(self, outcome: Path) -> int:
        """The number of the job that an outcome is of."""
        return int(outcome.stem.partition("-")[2])


@dataclass(frozen=True)
class ExperimentFiles:
    """The folder `<results_dir>/<name>/` of one experiment: runs, launches, condensed files and report."""

    folder: Path

    @classmethod
    def all_in(cls, results_dir: Path) -> "list[ExperimentFiles]":
        """The experiments in a results folder, by name: those with run folders or what they were condensed to."""
        each = [cls(folder) for folder in sorted(results_dir.iterdir())]
        return [files for files in each if os.path.isdir(files.runs) or os.path.exists(files.runs_table)]

    @property
    def runs(self) -> Path:
        """The folder of the run folders."""
        return self.folder / "runs"

    def run(self, name: str) -> RunFiles:
        """The files of a run, whether or not they are there."""
        return RunFiles(self.runs / name)

    def begun_runs(self) -> list[RunFiles]:
        """The runs that have a folder with files, by name; that of a run that was killed may lack its summary.

        Raises OSError where the folder of the run folders cannot be read.
        """
        return [RunFiles(path) for path in contents(self.runs) if _has_contents(path)]

    @property
    def launches_folder(self) -> Path:
        """The folder of the launches' folders."""
        return self.folder / "launches"

    def launches(self) -> list[LaunchFiles]:
        """The launches with a plan, oldest first, and those that cannot be looked into. Raises OSError."""
        return [
            launch
            for launch in self.begun_launches()
            if os.path.exists(launch.plan) or not os.access(launch.folder, os.X_OK)
        ]

    def begun_launches(self) -> list[LaunchFiles]:
        """The launches that have a folder, oldest first; that of one that was killed may lack its plan.

        Raises OSError where the folder of the launches cannot be read.
        """
        return [LaunchFiles(path) for path in contents(self.launches_folder) if path.is_dir()]

    @property
    def runs_table(self) -> Path:
        """One row per run."""
        return self.folder / "runs.csv"

    @property
    def data(self) -> Path:
        """The folder of the other condensed files."""
        return self.folder / "data"

    @property
    def schema(self) -> Path:
        """The version of the condensed files."""
        return self.data / "schema.json"

    @property
    def histories(self) -> Path:
        """All histories, with the run's name."""
        return self.data / "histories.csv.gz"

    @property
    def missing(self) -> Path:
        """The jobs without a run."""
        return self.data / "missing.json"

    @property
    def damaged(self) -> Path:
        """The run folders that could not be read, and what is wrong with them; only there if there are some."""
        return self.data / "damaged.json"

    def arrays(self, probe: str) -> Path:
        """A probe's arrays of every run."""
        return self.data / f"{probe}.npz"

    def probes(self) -> list[str]:
        """The probes whose arrays the condensed files have."""
        return sorted(path.stem for path in self.data.glob("[!.]*.npz"))

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.folder / "figures"

    @property
    def reserved(self) -> frozenset[str]:
        """Names that no table may have, since its files would take the place of others."""
        others = (self.runs, self.launches_folder, self.runs_table, self.data, self.report, self.figures)
        return frozenset(path.stem for path in others)

    def report_files(self) -> list[Path]:
        """The report and everything that it is made of, but the run folders."""
        folders = (self.folder, self.data, self.figures)
        return [path for folder in folders for path in sorted(folder.glob("[!.]*.*")) if path.is_file()]


EXPERIMENT_FILES: Mapping[str, str] = {
    "`report.html`": "the page: tables, figures, what was run and how to run it again",
    "`<table>.csv`, `.md`, `.tex`": "a table; the experiment's YAML chooses which",
    "`figures/`": "each figure as PDF and PNG",
    "`<table>.json`, `figures/<figure>.json`": "its provenance: runs, seeds, intervals, what is missing, code",
    "`runs.csv`": "one row per run",
    "`data/`": "everything else that is needed to make all of the above again: `schema.json`, the version of these "
    "files; `histories.csv.gz`, all histories; `<probe>.npz`, the arrays of every run as `<run>/<array>`; "
    "`missing.json`, the jobs without a run; `damaged.json`, if there are some, the run folders that could not be "
    "read and why",
    "`runs/<cell>-<task>-<seed>-<hash>/`": "one run (not in version control)",
    "`launches/<time>/`": "`plan.json`, the jobs of a launch, and `job-<number>.json`, the outcome of each (not in "
    "version control)",
}
"""The contents of an experiment's folder, for results/README.md."""

RUN_FILES: Mapping[str, str] = {
    "`config.json`": "every setting that can change a result",
    "`summary.json`": "the run's row of `runs.csv`",
    "`history.csv`": "one row per training step at which something was recorded",
    "`<probe>.npz`": "the arrays of a probe: `step`, the training steps at which it measured, and arrays whose first "
    "axis is these steps",
    "`weights.pt`": "the model's weights after the last step and at the best evaluation on validation data, unless "
    "`train.keep_weights=false`; `rnnbench.load_model(FOLDER)` gives the trained model",
    "`wandb/`": "the run as logged to W&B",
    "`wandb-address.txt`": "the address of its copy there, if it was logged online or uploaded",
    "`checkpoint.pt`": "what an unfinished run resumes from",
    "`checkpoint-set-aside-<number>.pt`": "a checkpoint that the run could not resume from: damaged, or of other code",
    "`traceback.txt`": "the traceback of the error, if the run failed",
}
"""The contents of a run's folder, for results/README.md."""
