"""The columns that every run has, whatever its probes: one row of runs.csv, and of summary.json."""

from collections.abc import Mapping
from dataclasses import dataclass

from rnnbench.schema.status import Status


@dataclass(frozen=True)
class Column:
    """What the values of a column mean, and their unit; empty for names, counts of runs and pure numbers."""

    meaning: str
    unit: str = ""

    def __str__(self) -> str:
        """`meaning (unit)`."""
        return f"{self.meaning} ({self.unit})" if self.unit else self.meaning


ARCHIVE_VERSION = 3
"""The version of the condensed files of an experiment: raise it when a column's or file's meaning changes."""

VARIANT = "variant"
"""The settings in which a run differs from others of its cell and task. Analysis makes it of the runs; not stored."""

DIFFICULTY = "difficulty"
"""The column with the value of the task's difficulty."""

TASK_GROUP = ["task", "difficulty_setting", DIFFICULTY]
"""A task at one difficulty. The setting is the same for all runs of a task, and goes with its value."""

STORED_GROUP = [*TASK_GROUP, "cell"]
"""The stored columns that distinguish runs from others than their repetitions."""

GROUP = [*STORED_GROUP, VARIANT]
"""What distinguishes runs from others than their repetitions, which differ in nothing but the seed."""

STEPS, SECONDS, LOSS = "training steps", "s", "nats or squared error, by task"
FRACTION = "fraction of examples"

IDENTITY: Mapping[str, Column] = {
    "run": Column("the run's folder below runs/: cell, task, seed and a hash of all settings that can change a result"),
    "status": Column("done, diverged (a loss or gradient was not finite), failed (see its traceback.txt) or running"),
    "task": Column("the task's name in conf/task/"),
    "difficulty_setting": Column("the task's setting that makes it harder"),
    DIFFICULTY: Column("the value of that setting; of a file its name"),
    "cell": Column("the cell's name in conf/cell/"),
    "seed": Column("seed of weights, training data and held-out data"),
    "backend": Column("how the cell was run"),
}
"""What a run is."""

RESULTS: Mapping[str, Column] = {
    "budget_steps": Column("training steps at most, also where the budget is in epochs", STEPS),
    "steps_trained": Column("training steps, the one included in which the run diverged or failed", STEPS),
    "epochs_trained": Column("passes through finite training data, the last perhaps in part; else empty", "epochs"),
    "training_ended_by": Column("budget, solved (`train.stop_when_solved`) or patience; empty for a run cut short"),
    "has_criterion": Column("whether the task says when it is solved; empty counts as true"),
    "solved": Column("whether the criterion was met on validation data and on fresh data; false without a criterion"),
    "steps_to_solve": Column("training steps at the first evaluation that was confirmed; empty when none was", STEPS),
    "first_crossing_step": Column("training steps at the first evaluation that met it, confirmed or not", STEPS),
    "confirmation_attempts": Column("evaluations that met it on validation data and were tried on fresh data"),
    "confirmation_examples": Column("examples of the last attempt: fresh ones; of finite data the validation split"),
    "confirmation_loss": Column("loss on the fresh data of the last attempt; empty without one", LOSS),
    "confirmation_error_rate": Column("examples of the last attempt with an error anywhere", FRACTION),
    "diverged_at_step": Column("the step whose loss or gradient was not finite; empty when none was", STEPS),
    "baseline_loss": Column("the baseline: loss of the best constant, which sees no input; empty without one", LOSS),
    "train_loss": Column("mean training loss between the last two evaluations", LOSS),
    "validation_loss": Column("loss on validation data at the last evaluation", LOSS),
    "validation_error_rate": Column("validation examples with any error; empty without right and wrong", FRACTION),
    "selected_step": Column("training steps of the tested weights: the last, or (`train.selection=best`) best", STEPS),
    "selected_validation_loss": Column("loss on validation data with these weights; what tuning ranks by", LOSS),
    "weights_sha256": Column("SHA-256, 16 digits, of these weights, names and shapes included"),
    "learning_rate": Column("learning rate after the last evaluation; only with a schedule"),
    "test_loss": Column("loss on test data after training, with the selected weights, evaluated once", LOSS),
    "test_baseline_loss": Column("loss of the best constant on the same data; empty where not given", LOSS),
    "test_error_rate": Column("test examples with any error; empty likewise", FRACTION),
    "measure": Column("the task's own measure, such as accuracy, in test_<measure> and validation_<measure>"),
    "gradient_norm": Column("L2 norm of the gradient of all weights at the last evaluated step, before clipping"),
    "step_time_s": Column("median training step, without data, evaluation and probes", SECONDS),
    "step_time_lower_quartile_s": Column("lower quartile of the training steps' times", SECONDS),
    "step_time_upper_quartile_s": Column("upper quartile of the training steps' times", SECONDS),
    "tokens_per_second": Column("median over training steps of real sequence steps x examples per second", "tokens/s"),
    "training_time_s": Column("all training steps together", SECONDS),
    "wall_time_s": Column("the run from start to end, all sessions of a resumed run together", SECONDS),
    "cpu_load": Column("mean cores that other processes used, stolen time included; empty off Linux", "cores"),
    "times_shared": Column("whether runs were launched in parallel, or cpu_load is above half a core per thread"),
    "unseeded_randomness": Column("what of cell or task was found to depend on more than the seed; mostly empty"),
    "error": Column("the error that ended a failed run; empty for others"),
}
"""The results of a run."""

EMPTY: Mapping[Status, tuple[str, ...]] = {
    Status.DONE: (),
    Status.DIVERGED: ("test_loss", "test_error_rate"),
    Status.FAILED: (
        "test_loss", "test_error_rate", "test_baseline_loss", "wall_time_s", "cpu_load", "times_shared",
    ),
    Status.RUNNING: tuple(RESULTS),
}  # fmt: skip
"""The results that a run of the status never has. It has all others that it came to measure before it ended: steps to
what it met, the last values of its history."""


def milestone_column(milestone: str) -> str:
    """The column with the training steps at the first evaluation that met one of the task's milestones."""
    return f"steps_to_{milestone}"


def length_column(column: str, length: int) -> str:
    """The column of a test value, such as `test_loss`, on fresh sequences of another length."""
    return f"{column}_at_{length}"


PROVENANCE: Mapping[str, Column] = {
    "backend_reason": Column("why backend=auto took no faster one: what cannot be compiled, with its line; else empty"),
    "git_commit": Column("commit of rnnbench's own checkout; empty for an installed wheel"),
    "git_dirty": Column("whether that checkout had uncommitted changes, from December 2026 on apart from results/"),
    "rnnbench_version": Column("version of rnnbench"),
    "python_version": Column("version of Python"),
    "torch_version": Column("version of torch"),
    "numpy_version": Column("version of numpy"),
    "platform": Column("operating system and processor architecture"),
    "processor": Column("model name of the processor, or of the GPU for a run on one"),
    "cpu_family": Column("the processor's family, a number of its vendor's; on ARM the implementer; empty off Linux"),
    "cpu_model": Column("the processor's model, a number of its vendor's; on ARM the part; empty off Linux"),
    "vector_width_bits": Column("the processor's widest vector registers by its flags; empty off Linux", "bits"),
    "cpu_cores": Column("logical cores that the run may use"),
    "cpu_limit": Column("cores' worth of time that the control group allows; empty without a limit", "cores"),
    "component_source": Column("SHA-256, 8 digits, of the source files of the cell and the task"),
    "command_line": Column("the command that started the run"),
    "started_at": Column("when the run was first started (UTC)"),
}
"""Where a run's numbers come from."""

RUN_COLUMNS: Mapping[str, Column] = {**IDENTITY, **RESULTS, **PROVENANCE}
"""All columns of a run but those of its probes and settings."""
