"""What a probe is: a measurement of a model on a fixed batch, at initialisation, log-spaced steps and the end."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from rnnbench.model import Model
from rnnbench.schema import Column
from rnnbench.tasks import Batch, Task

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Measurement:
    """Named numbers or texts, which become columns, and named arrays, which are stored with them."""

    scalars: Mapping[str, float | str]
    arrays: Mapping[str, Array] = field(default_factory=dict)


class Probe(ABC):
    """Measures a model. Derive, declare what is measured in `columns` and `axes`, and measure it in `measure`.

    `per_decade` steps of each decade of training steps are probed, besides step 0 and the last step of the run.
    """

    columns: ClassVar[Mapping[str, Column]]
    """The meaning and unit of each scalar."""
    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The axes of each array."""

    def __init__(self, per_decade: Annotated[int, Field(ge=1)] = 3) -> None:
        self.per_decade = per_decade

    def due(self, step: int, last: bool) -> bool:
        """Whether to measure after this step; step 0 is initialisation."""
        if step == 0 or last:
            return True
        power = math.floor(self.per_decade * math.log10(step))
        return step in (round(10 ** (power / self.per_decade)), round(10 ** ((power + 1) / self.per_decade)))

    @abstractmethod
    def measure(self, model: Model, task: Task, batch: Batch) -> Measurement:
        """Measure the model. Weights must stay unchanged; gradients need not be cleared."""
