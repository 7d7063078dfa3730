"""What a column of the results is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """What the values of a column mean, and their unit; empty for names, counts of runs and pure numbers."""

    meaning: str
    unit: str = ""

    def __str__(self) -> str:
        """`meaning (unit)`."""
        return f"{self.meaning} ({self.unit})" if self.unit else self.meaning
