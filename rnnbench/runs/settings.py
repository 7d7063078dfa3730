"""A run's settings, typed and checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    FiniteFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
)

from rnnbench.errors import SettingError, printable, validation_message
from rnnbench.machine import logical_cores
from rnnbench.model import Counted
from rnnbench.runs.components import Node, one_form, typed
from rnnbench.runs.tuning import TuningSettings
from rnnbench.schema import LARGEST_SEED, LONGEST_NAME, checked_name, is_name, result_settings
from rnnbench.training import TrainSettings
from rnnbench.wandb_logging import WandbSettings


def _written_out(folder: Path) -> Path:
    if folder.parts[:1] and folder.parts[0].startswith("~"):
        raise ValueError("must be written out; in a file, ${oc.env:HOME} is the home folder")
    return folder


def _missing(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _missing(value, f"{prefix}{key}.")
        elif value == "???":
            yield f"{prefix}{key}"


def _threads(number: int) -> int:
    cores = logical_cores() or 1
    if number > (most := max(16, 4 * cores)):
        raise ValueError(f"must be at most {most} (this process has {cores} cores)")
    return number


class ModelSettings(BaseModel, extra="forbid", frozen=True):
    """The model's shape; conf/config.yaml explains each setting."""

    hidden_size: PositiveInt
    parameter_budget: PositiveInt | None
    budget_counts: Counted
    layers: PositiveInt
    embedding: PositiveInt | None
    backend: str
    initialisation: str
    chrono_length: PositiveInt | None
    recurrent_gain: PositiveFloat
    memory_bias: FiniteFloat | None = None


class EvaluationSettings(BaseModel, extra="forbid", frozen=True):
    """What is evaluated after training besides the test data; conf/config.yaml explains each setting."""

    lengths: tuple[PositiveInt, ...] = ()

    @field_validator("lengths")
    @classmethod
    def _one_each(cls, lengths: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(lengths)))


class Settings(BaseModel, extra="forbid", frozen=True, ser_json_inf_nan="constants"):
    """Everything that conf/config.yaml holds."""

    name: Annotated[str, BeforeValidator(checked_name)]
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    results_dir: Annotated[Path, AfterValidator(_written_out)]
    device: str
    threads: Annotated[PositiveInt, AfterValidator(_threads)]
    flush_denormals: bool
    rerun: bool
    objective: str | None
    tuned: str | None
    tuning: TuningSettings
    model: ModelSettings
    train: TrainSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    cell: Node
    task: Node
    optimizer: Node
    schedule: Node | None = None
    wandb: WandbSettings
    probes: dict[str, Node] = {}
    tables: dict[str, Node] = {}
    figures: dict[str, Node] = {}
    report: dict[str, Any] = {}
    """Checked by the report, which alone uses it."""

    @classmethod
    def from_content(cls, content: Any) -> "Settings":
        """Check the content of a configuration. Raises SettingError."""
        if missing := next(_missing(content), None):
            what = "FILE" if missing.endswith(".path") else "VALUE"
            help_of = f"`rnnbench --help {missing.partition('.')[0]}`"
            raise SettingError(f"{missing}=???: must be given, as {missing}={what}; {help_of} says what")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise SettingError(validation_message(error)) from error

    def result_settings(self, hidden_size: int, backend: str) -> dict[str, Any]:
        """The settings that can change a result, each in its one form, with the width and backend that really run."""
        content = self.model_dump(mode="json")
        nodes = {group: content[group] for group in ("cell", "task", "optimizer", "schedule") if content[group]}
        content |= {group: typed(node, group) for group, node in nodes.items()}
        content["probes"] = {name: typed(node, f"probes.{name}") for name, node in content["probes"].items()}
        return result_settings(one_form(content), hidden_size, backend)


def check_run_name(cell: str, task: str, seed: int) -> None:
    """Raise SettingError where the names of cell and task cannot be part of a run's."""
    for group, name in (("cell", cell), ("task", task)):
        if not is_name(name):
            raise SettingError(f"{group}={printable(name)}: must be one name, of letters, digits and _ . -")
    longest = LONGEST_NAME - len(f".--{seed}-12345678.lock")
    if (length := len((cell + task).encode())) > longest:
        raise SettingError(f"cell={cell} task={task}: have {length} bytes, together must have at most {longest}")
