"""The configuration as typed, checked settings."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError
from pydantic_core import ErrorDetails

from rnnbench.model import Counted
from rnnbench.recorders import WandbSettings
from rnnbench.training import TrainSettings

Node = dict[str, Any]
"""The configuration of a component: its `_target_` and arguments."""


class SettingError(ValueError):
    """A setting that cannot be: one line that names the value, the bound and the remedy."""


def _folder_name(name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError("must be one folder's name, of letters, digits and _ . -")
    return name


class ModelSettings(BaseModel):
    """The model's shape; the meaning of each stands in conf/config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden_size: PositiveInt
    parameter_budget: PositiveInt | None
    budget_counts: Counted
    layers: PositiveInt
    backend: str
    initialisation: str
    chrono_length: PositiveInt | None
    recurrent_gain: PositiveFloat


class Settings(BaseModel):
    """Everything that conf/config.yaml holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, AfterValidator(_folder_name)]
    seed: NonNegativeInt
    results_dir: Path
    device: str
    threads: PositiveInt
    flush_denormals: bool
    rerun: bool
    tuned: str | None
    model: ModelSettings
    train: TrainSettings
    cell: Node
    task: Node
    optimizer: Node
    wandb: WandbSettings
    probes: dict[str, Node] = {}
    tables: dict[str, Node] = {}
    figures: dict[str, Node] = {}
    values: dict[str, Any] = {}

    @classmethod
    def from_config(cls, config: DictConfig) -> "Settings":
        """Check a composed configuration. Raises SettingError."""
        try:
            own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            content = OmegaConf.to_container(own, resolve=True)
        except OmegaConfBaseException as error:
            raise SettingError(one_line(error)) from error
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise SettingError(explain(error)) from error

    def deciding(self, hidden_size: int, backend: str) -> dict[str, Any]:
        """The settings that can change a result, with the width and backend that really run: what a hash covers."""
        content = self.model_dump(mode="json")
        for name in ("name", "results_dir", "rerun", "wandb", "tuned", "tables", "figures", "values"):
            del content[name]
        del content["train"]["checkpoint_every_s"]
        del content["model"]["parameter_budget"], content["model"]["budget_counts"]
        content["model"] |= {"hidden_size": hidden_size, "backend": backend}
        return content


def explain(error: ValidationError) -> str:
    """What is wrong, `key=value: what it must be`, setting after setting in one line."""
    problems = error.errors()
    return "; ".join(f"{'.'.join(map(str, each['loc']))}={each['input']}: {wanted(each)}" for each in problems)


def wanted(problem: ErrorDetails) -> str:
    """What pydantic says a value must be."""
    return problem["msg"].replace("Input should be", "must be").replace("Value error, ", "")


def one_line(error: BaseException) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key."""
    result: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
