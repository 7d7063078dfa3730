"""The settings of a report: `report` in conf/config.yaml, which explains each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from rnnbench.report.style import WIDTHS, check_style

NARROWEST, WIDEST = 1, 40
"""Inches."""


def _listed(value: Any) -> list[Any]:
    """The value, in a list where it is none."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _inches(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value in WIDTHS:
        return WIDTHS[value]
    if isinstance(value, bool | str) or not NARROWEST <= value <= WIDEST:
        raise ValueError(f"must be {', '.join(WIDTHS)} or a number of inches from {NARROWEST} to {WIDEST}")
    return float(value)


class ReportSettings(BaseModel):
    """Where a report is written, the runs that it is of, and how its figures and tables look."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    out: Annotated[Path | None, AfterValidator(lambda folder: folder and folder.expanduser())] = None
    only: Mapping[str, Annotated[tuple[Any, ...], BeforeValidator(_listed)]] = {}
    formats: Annotated[tuple[Literal["pdf", "png", "svg"], ...], BeforeValidator(_listed)] = ("pdf", "png")
    width: Annotated[float | None, BeforeValidator(_inches)] = None
    """Inches."""
    style: Annotated[str | None, AfterValidator(check_style)] = None
    columns: Mapping[str, Annotated[tuple[str, ...], BeforeValidator(_listed)]] = {}
