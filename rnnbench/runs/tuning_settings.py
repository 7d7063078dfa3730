"""The settings of tuning, which the report checks without torch."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt


def _objective(column: str) -> str:
    if not re.fullmatch(r"validation_loss|steps_to_\w+", column):
        raise ValueError("must be validation_loss or a column of steps, such as steps_to_solve")
    return column


class TuningSettings(BaseModel):
    """How a setting is tuned; conf/config.yaml explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: tuple[NonNegativeInt, ...]
    extend: NonNegativeInt
    by: Annotated[str, AfterValidator(_objective)]
